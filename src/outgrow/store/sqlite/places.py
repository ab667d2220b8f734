"""Where an SQLite file may lie: on a disk of this machine that can be written."""

from __future__ import annotations

import errno
import os
import re
import sqlite3
from pathlib import Path
from typing import NamedTuple

from outgrow.errors import (
    StoreInUse,
    StoreMisplaced,
    StoreRefused,
    StoreUnreadable,
    StoreUnwritable,
)

MOUNTS = Path("/proc/self/mountinfo")
_OVER_NETWORK = re.compile(
    r"""(nfs|nfs4|cifs|smb[23]?|smbfs|ncpfs|afs|9p|coda|davfs|ceph|lustre|gpfs|beegfs|orangefs
    |pvfs2|ocfs2|gfs2?|glusterfs|vboxsf|prl_fs|vmhgfs
    |fuse\.(sshfs|nfs|cifs|smb.*|s3.*|rclone|gcsfuse|blobfuse.*|goofys|davfs.*|glusterfs|ceph.*
    |juicefs|seaweedfs|mount-s3|curlftpfs|gvfsd-fuse|vmhgfs-fuse|lizardfs|moosefs|mfs))""",
    re.VERBOSE,
)
_ESCAPED = re.compile(r"\\([0-7]{3})")
_UNWRITABLE = frozenset(
    {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_FULL}
)
_BUSY = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})


class Mount(NamedTuple):
    """
    One line of the table of mounts.

    Attributes:
        point: Where it is mounted.
        kind: The kind of its file system, such as ``ext4``.
        source: What is mounted, such as a device or ``server:/folder``.
    """

    point: Path
    kind: str
    source: str


def refuse_network(path: Path, mounts: Path = MOUNTS) -> None:
    """
    Refuse a store whose file other machines could write, because locks do not hold there.

    Args:
        path: The file.
        mounts: The table of mounts, in the form of ``/proc/self/mountinfo``. Where there is none,
            as on macOS, nothing is refused.

    Raises:
        StoreMisplaced: Its folder is on such a file system.
    """
    try:
        table = mounts.read_text(errors="surrogateescape")
    except OSError:
        return
    mount = mount_of(path.resolve(), table)
    if mount is not None and _OVER_NETWORK.fullmatch(mount.kind):
        message = (
            f"its folder is on {mount.source} ({mount.kind}, mounted at {mount.point}), which is "
            "reached over a network. Locks and shared memory do not hold there, so the file would "
            "be damaged. Keep the state on a disk of this machine (--state DIR), or the store in "
            'PostgreSQL (store = "postgresql://...").'
        )
        raise StoreMisplaced(str(path), message)


def mount_of(path: Path, table: str) -> Mount | None:
    """The mount that *path* is on; of several at one point the last is above the others."""
    found: Mount | None = None
    for line in table.splitlines():
        fields, _, more = line.partition(" - ")
        words, (kind, source, *_) = fields.split(), [*more.split(), "", ""]
        if len(words) < 5:
            continue
        point = Path(_unescaped(words[4]))
        is_above = point == path or point in path.parents
        if is_above and (found is None or len(point.parts) >= len(found.point.parts)):
            found = Mount(point, kind, _unescaped(source))
    return found


def refusal(path: Path, error: sqlite3.Error | OSError) -> StoreRefused:
    """What to say when *error* came while the file was opened."""
    place = str(path)
    if isinstance(error, OSError):
        what = "the disk is full" if _is_full(error) else (error.strerror or str(error)).lower()
        return StoreUnwritable(place, _unwritable(path, what))
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF
    if code in _UNWRITABLE:
        return StoreUnwritable(place, _unwritable(path, str(error)))
    if code == sqlite3.SQLITE_IOERR:
        message = (
            f"the disk could not be read or written: {error}. Nothing was changed. See that it "
            "is not full, and what the system's log says of it."
        )
        return StoreUnwritable(place, message)
    if code in _BUSY:
        message = (
            f"another program, such as a database browser, is writing it: {error}. "
            "Close that one, and start again."
        )
        return StoreInUse(place, message)
    message = (
        f"it cannot be read: {error}. It is damaged, or no SQLite database. "
        "Restore it from a backup, or move it away to begin anew."
    )
    return StoreUnreadable(place, message)


def _unwritable(path: Path, what: str) -> str:
    return (
        f"it cannot be written: {what}. The file, and {path.resolve().parent}, where its log "
        f"lies beside it, must be writable for user {os.getuid()} and have room. Nothing was "
        "changed; make it so, and start again."
    )


def _is_full(error: OSError) -> bool:
    return error.errno in (errno.ENOSPC, errno.EDQUOT)


def _unescaped(text: str) -> str:
    return _ESCAPED.sub(lambda found: chr(int(found[1], 8)), text)
