"""Where to listen: ``host:port``, or a path of a Unix socket."""

from __future__ import annotations

import errno
import os
import socket
import stat
from pathlib import Path

from outgrow.errors import ListenRefused

BACKLOG = 2048
UNIX_PATH_BYTES_MAX = 107

_REASONS = {
    errno.EADDRINUSE: (
        "is in use by another program",
        "Stop it, choose another port, or port 0 for one that is free.",
    ),
    errno.EACCES: (
        "may not be used by this user",
        "Ports below 1024 need rights that programs should not have; choose a higher one.",
    ),
    errno.EADDRNOTAVAIL: (
        "is not an address of this machine",
        "Use 127.0.0.1 for this machine only, or 0.0.0.0 for all networks.",
    ),
}


def open_socket(address: str | Path, setting: str) -> socket.socket:
    """
    A socket bound to *address*, not yet listening.

    Args:
        address: ``host:port``, where port 0 is chosen by the system; or the path of a Unix socket,
            which only this user may connect to. One that a dead process left is replaced.
        setting: Where the address is configured, for messages.

    Raises:
        ListenRefused: It cannot be listened on.
    """
    if isinstance(address, Path):
        return _open_unix(address, setting)
    host, port = _split(address, setting)
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        # "localhost" may mean two addresses, whose chosen ports would differ: the older one it is.
        family, _, _, _, target = min(found, key=lambda info: info[0] != socket.AF_INET)
        opened = socket.socket(family, socket.SOCK_STREAM)
    except OSError as error:
        raise ListenRefused(setting, address, f"is no address: {error.strerror}", "") from error
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.bind(target)
        # Two programs may both bind, but only one may listen: it shows here and not later.
        opened.listen(BACKLOG)
    except OSError as error:
        opened.close()
        raise _refused(setting, address, error) from error
    opened.setblocking(False)
    return opened


def _split(address: str, setting: str) -> tuple[str, int]:
    host, separator, port = address.rpartition(":")
    if not separator or not port.isdecimal() or int(port) > 65535 or not host:
        raise ListenRefused(
            setting,
            address,
            "is no address",
            'Write "host:port", such as "127.0.0.1:8080"; port 0 is chosen.',
        )
    return host.removeprefix("[").removesuffix("]"), int(port)


def _open_unix(path: Path, setting: str) -> socket.socket:
    if len(os.fsencode(path)) > UNIX_PATH_BYTES_MAX:
        raise ListenRefused(
            setting,
            str(path),
            f"is longer than the {UNIX_PATH_BYTES_MAX} bytes that the system takes",
            "Move the application to a shorter path.",
        )
    _remove_stale(path, setting)
    opened = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        opened.bind(str(path))
        # Nobody can connect before it listens, so nobody slips in before it is closed to others.
        path.chmod(stat.S_IRUSR | stat.S_IWUSR)
        opened.listen(BACKLOG)
    except OSError as error:
        opened.close()
        raise _refused(setting, str(path), error) from error
    opened.setblocking(False)
    return opened


def _remove_stale(path: Path, setting: str) -> None:
    """Remove a socket that nobody listens on any more."""
    try:
        if not stat.S_ISSOCK(path.lstat().st_mode):
            raise ListenRefused(
                setting, str(path), "exists and is no socket", "Move it away, or choose another."
            )
    except FileNotFoundError:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(str(path))
        except (ConnectionRefusedError, FileNotFoundError):
            path.unlink(missing_ok=True)
            return
        except OSError as error:
            raise _refused(setting, str(path), error) from error
    raise _refused(setting, str(path), OSError(errno.EADDRINUSE, ""))


def _refused(setting: str, address: str, error: OSError) -> ListenRefused:
    reason = os.strerror(error.errno) if error.errno else str(error)
    message, remedy = _REASONS.get(error.errno or 0, (f"cannot be listened on: {reason}", ""))
    if "/" in address and error.errno == errno.EADDRINUSE:
        remedy = "Stop that program: it may be this application, already running."
    return ListenRefused(setting, address, message, remedy)
