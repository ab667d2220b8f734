"""A lock that is free when the last process of the application has ended."""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import socket
from collections.abc import Iterator
from pathlib import Path

from outgrow.clock import SystemClock
from outgrow.errors import AlreadyRunning, StoreRefused
from outgrow.process.seating import SUPERVISOR

END_SECONDS_MAX = 5.0
PAUSE_SECONDS = 0.02
PROBE_SECONDS = 1.0

logger = logging.getLogger("outgrow.process")


async def take_lock(state: Path, topology: str = "") -> int:
    """
    Lock the folder *state*, and give the file descriptor that holds the lock until it is closed.

    Whoever runs the application there has it, together or as a topology divides it. The processes
    of a topology hold it too: those that a killed supervisor has left, if the system has not ended
    them yet, are waited for. What those who were killed have left is removed.

    Args:
        topology: What is run; empty if all runs in this process.

    Raises:
        AlreadyRunning: The application runs there.
        StoreRefused: The folder cannot be made or written.
    """
    path = state / "run" / f"{SUPERVISOR}.lock"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Whoever reaches the sockets in it is believed, so nobody else may.
        path.parent.chmod(0o700)
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        message = f"the folder of the state cannot be made: {error}. Choose another state."
        raise StoreRefused(str(path.parent), message) from error
    clock = SystemClock()
    give_up_at = clock.monotonic() + END_SECONDS_MAX
    while not _try_lock(lock):
        pid, running = _read_holder(lock)
        if _is_alive(pid) or clock.monotonic() > give_up_at:
            os.close(lock)
            raise AlreadyRunning(str(state), pid, running)
        await clock.sleep(PAUSE_SECONDS)
    os.ftruncate(lock, 0)
    os.pwrite(lock, f"{os.getpid()} {topology}\n".encode(), 0)
    _remove_left(path.parent)
    return lock


@contextlib.contextmanager
def released(lock: int) -> Iterator[None]:
    """Let go of the lock at the end of the block."""
    try:
        yield
    finally:
        # Emptied first: this process may live on for a moment, and its number says nothing more.
        os.ftruncate(lock, 0)
        os.close(lock)


def _try_lock(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _read_holder(lock: int) -> tuple[int, str]:
    """The process that took the lock, and the topology that it runs."""
    pid, _, topology = os.pread(lock, 4096, 0).decode(errors="replace").strip().partition(" ")
    return (int(pid), topology) if pid.isdigit() else (0, "")


def _remove_left(run: Path) -> None:
    """Remove sockets that nobody answers, and the directories of topologies: none runs."""
    for path in run.glob("*.sock"):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            probe.settimeout(PROBE_SECONDS)
            try:
                probe.connect(str(path))
            except OSError:
                path.unlink(missing_ok=True)
    for path in run.glob("*.json"):
        path.unlink(missing_ok=True)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return pid > 0
