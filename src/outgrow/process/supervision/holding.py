"""One supervisor for each state folder: a lock that is free when its last process has ended."""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
from collections.abc import Iterator
from pathlib import Path

from outgrow.clock import SystemClock
from outgrow.errors import AlreadyRunning
from outgrow.process.directory import SUPERVISOR

END_SECONDS_MAX = 5.0
PAUSE_SECONDS = 0.02

logger = logging.getLogger("outgrow.process")


async def take_lock(state: Path) -> int:
    """
    Lock the folder *state*, and give the file descriptor that holds the lock until it is closed.

    The processes of a topology hold it too: those that a killed supervisor has left, if the system
    has not ended them yet, are waited for.

    Raises:
        AlreadyRunning: A supervisor runs there.
    """
    path = state / "run" / f"{SUPERVISOR}.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    # Whoever reaches the sockets in it is believed, so nobody else may.
    path.parent.chmod(0o700)
    lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    clock = SystemClock()
    give_up_at = clock.monotonic() + END_SECONDS_MAX
    while not _try_lock(lock):
        pid = _read_pid(lock)
        if _is_alive(pid) or clock.monotonic() > give_up_at:
            os.close(lock)
            raise AlreadyRunning(str(state), pid)
        await clock.sleep(PAUSE_SECONDS)
    os.ftruncate(lock, 0)
    os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
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


def _read_pid(lock: int) -> int:
    text = os.pread(lock, 32, 0).strip()
    return int(text) if text.isdigit() else 0


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return pid > 0
