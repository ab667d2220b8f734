"""The folder where stores and sockets are kept."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Collection, Iterator
from pathlib import Path

from outgrow.process.doctor.observation import Observation, ok, problem, warning
from outgrow.process.running import SOCKET_PATH_BYTES_MAX

FREE_BYTES_NEEDED = 100 * 1024 * 1024
FREE_BYTES_GOOD = 1024 * 1024 * 1024

_REMOTE = {"9p", "afs", "ceph", "cifs", "fuse.sshfs", "glusterfs", "lustre", "nfs", "nfs4"} | {
    "ncpfs", "smb2", "smb3", "smbfs", "vboxsf", "virtiofs",
}  # fmt: skip
_FLEETING = {"ramfs", "tmpfs"}


def look_at_folder(state: Path, processes: Collection[str]) -> Iterator[Observation]:
    """
    Look at the folder *state*, which need not exist yet.

    Args:
        processes: The names of the processes that would have sockets in it.
    """
    there = state
    while not there.exists():
        there = there.parent
    yield _writable(state, there)
    yield _file_system(state, there)
    yield _disk(there)
    yield _socket_paths(state, processes)


def _writable(state: Path, there: Path) -> Observation:
    remedy = "Give this user the right to write there, or keep the state elsewhere: --state DIR."
    if not there.is_dir():
        return problem("state folder", f"{there} is no folder", remedy)
    try:
        # Only trying tells: file systems may be mounted read-only.
        with tempfile.TemporaryFile(dir=there):
            pass
    except OSError as error:
        return problem("state folder", f"{there} cannot be written: {error.strerror}", remedy)
    return ok("state folder", str(state) if state == there else f"{state}, which will be made")


def _file_system(state: Path, there: Path) -> Observation:
    kind = file_system_of(there, Path("/proc/mounts"))
    if kind is None:
        return ok("file system", "its kind is not told on this system")
    if kind in _REMOTE:
        remedy = (
            "Stores are SQLite files, and their locks hold on a local file system only. Keep the "
            "state on a disk of this machine: --state DIR."
        )
        return problem("file system", f"{state} is on {kind}, which is not local", remedy)
    if kind in _FLEETING:
        remedy = "It is gone when the machine stops. Keep the state on a disk: --state DIR."
        return warning("file system", f"{state} is on {kind}, in memory", remedy)
    return ok("file system", kind)


def file_system_of(folder: Path, mounts: Path) -> str | None:
    """The kind of file system that holds *folder*, as the table *mounts* tells, if it does."""
    try:
        lines = mounts.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    resolved, best, kind = folder.resolve(), Path(), None
    for line in lines:
        fields = line.split()
        # The table writes a space as \\040.
        point = Path(fields[1].replace("\\040", " "))
        if resolved.is_relative_to(point) and len(point.parts) >= len(best.parts):
            best, kind = point, fields[2]
    return kind


def _disk(there: Path) -> Observation:
    free = shutil.disk_usage(there).free
    message = f"{free / 1024**3:.1f} GiB free"
    remedy = "Make room: a full disk stops every service that writes."
    if free < FREE_BYTES_NEEDED:
        return problem("disk", message, remedy)
    return ok("disk", message) if free >= FREE_BYTES_GOOD else warning("disk", message, remedy)


def _socket_paths(state: Path, processes: Collection[str]) -> Observation:
    sockets = [state.resolve() / "run" / f"{name}.calls.sock" for name in processes]
    longest = max(len(os.fsencode(path)) for path in sockets)
    if longest > SOCKET_PATH_BYTES_MAX:
        remedy = "Keep the state in a folder with a shorter path: --state DIR."
        message = f"{longest} bytes, and a Unix socket may have {SOCKET_PATH_BYTES_MAX}"
        return problem("socket paths", message, remedy)
    return ok("socket paths", f"{longest} of {SOCKET_PATH_BYTES_MAX} bytes")
