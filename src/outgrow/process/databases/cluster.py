"""A cluster of databases on disk, and the server that keeps it."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from outgrow.errors import StoreRefused
from outgrow.process.databases.account import Account
from outgrow.process.databases.binaries import find_binaries
from outgrow.store.creating import verifier

NAME: Final = "postgres"
SUPERUSER: Final = "postgres"
CONNECTIONS_MAX: Final = 400
PORT_DEFAULT: Final = 5432
FOLDER_BYTES_MAX: Final = 70
"""Of the path of the folder for sockets; the system takes 107 for the path of a socket in it."""

INIT_SECONDS_MAX: Final = 60.0
ANSWER_SECONDS_MAX: Final = 2.0
STATUS_LINE: Final = 7
"""Of the server's notes, where it says whether it lets its users in."""

HERE: Final = "/proc/self/cwd"
"""The folder that a program was started in, even if it may not enter those above."""

_SETTINGS: Final = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": str(CONNECTIONS_MAX),
    "password_encryption": "scram-sha-256",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # What a statement does wrong is told to who sent it.
    "log_min_messages": "log",
    "log_checkpoints": "off",
}
_DURABLE: Final = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}


class Cluster:
    """
    A folder of databases, and the settings of its server.

    Attributes:
        data: The folder; it belongs to `account` alone.
        sockets: Where the server listens, once `make_sockets` has made it; nobody else may enter.
        account: Who the server runs as.
        settings: What the server is started with, besides what this class needs.
    """

    def __init__(self, data: Path, *, settings: dict[str, str] | None = None) -> None:
        self.data = data
        self.account = Account.choose(data)
        self.settings = settings or {}
        self.sockets: Path | None = None

    @property
    def exists(self) -> bool:
        """Whether the databases have been made."""
        return (self.data / "PG_VERSION").is_file()

    @property
    def port(self) -> int:
        """Its number names the socket too."""
        return int(self.settings.get("port", PORT_DEFAULT))

    def make(self, password: str, *, is_synced: bool = True) -> None:
        """
        Make the databases, whole or not at all.

        Args:
            password: Of the superuser.
            is_synced: Whether they are on the disk when this returns.

        Raises:
            ExtraMissing: The wheel of PostgreSQL is not installed.
            StoreRefused: They cannot be made there.
        """
        binaries = find_binaries()
        self.account.check_runs(binaries / "postgres", "--version")
        draft = self.data.with_name(f"{self.data.name}.draft")
        shutil.rmtree(draft, ignore_errors=True)  # Of a run that was killed.
        try:
            draft.mkdir(parents=True, mode=0o700)
            self.account.own(draft)
            options = [] if is_synced else ["--no-sync"]
            self._init(binaries, draft, password, options)
            draft.rename(self.data)
        except OSError as error:
            raise StoreRefused(str(self.data), f"it cannot be made: {error}.") from error

    def _init(self, binaries: Path, folder: Path, password: str, options: list[str]) -> None:
        # Not in the folder, which has to be empty.
        with tempfile.NamedTemporaryFile("w", prefix="og-pg-", dir=self._open_folder()) as file:
            file.write(f"{password}\n")
            file.flush()
            self.account.own(Path(file.name))
            done = subprocess.run(  # noqa: S603 - a program of ours
                [
                    str(binaries / "initdb"),
                    f"--pgdata={_inside(folder)}",
                    f"--username={SUPERUSER}",
                    f"--pwfile={file.name}",
                    "--auth=scram-sha-256",
                    "--encoding=UTF8",
                    "--locale=C",
                    *options,
                ],
                check=False,
                capture_output=True,
                text=True,
                timeout=INIT_SECONDS_MAX,
                cwd=folder,
                env={"PATH": "/usr/bin:/bin", "LC_ALL": "C"},
                **self.account.started,
            )
        if done.returncode != 0:
            text = f"PostgreSQL cannot make its databases: {done.stderr.strip()}"
            raise StoreRefused(str(folder), text)

    def change_password(self, password: str) -> None:
        """
        Give the superuser another *password*; no server may run.

        Raises:
            StoreRefused: The program that does it fails.
        """
        done = subprocess.run(  # noqa: S603 - a program of ours
            [
                str(find_binaries(self.data) / "postgres"),
                "--single",
                "-D",
                _inside(self.data),
                "postgres",
            ],
            check=False,
            capture_output=True,
            text=True,
            input=f"alter role {SUPERUSER} password '{verifier(password)}'\n",
            timeout=INIT_SECONDS_MAX,
            cwd=self.data,
            **self.account.started,
        )
        if done.returncode != 0 or "ERROR" in done.stderr:
            text = f"its superuser cannot be given a password: {done.stderr.strip()}"
            raise StoreRefused(str(self.data), text)

    def make_sockets(self) -> Path:
        """Make the folder where the server listens; its path is short, and nobody else enters."""
        self.sockets = Path(tempfile.mkdtemp(prefix="og-pg-", dir=self._open_folder()))
        self.account.own(self.sockets)
        return self.sockets

    def _open_folder(self) -> str:
        """A folder for temporary files whose path is short, and which everyone may enter."""
        usual = tempfile.gettempdir()
        is_good = not self.account.started and len(os.fsencode(usual)) <= FOLDER_BYTES_MAX
        return usual if is_good else "/tmp"  # noqa: S108 - what is made there has a random name

    def command(self) -> list[str]:
        """The server and its options; it is to be started in `data`, as `account`."""
        settings = _SETTINGS | _DURABLE | self.settings
        if self.sockets is not None:
            settings["unix_socket_directories"] = str(self.sockets)
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        return [str(find_binaries(self.data) / "postgres"), "-D", _inside(self.data), *options]

    def answers(self) -> bool:
        """Whether the server lets its users in now, as ``pg_isready`` asks."""
        if self.sockets is None or not self._says_ready():
            return False
        with socket.socket(socket.AF_UNIX) as probe, contextlib.suppress(OSError):
            probe.settimeout(ANSWER_SECONDS_MAX)
            probe.connect(str(self.sockets / f".s.PGSQL.{self.port}"))
            words = b"user\0" + SUPERUSER.encode() + b"\0\0"
            probe.sendall(struct.pack("!II", len(words) + 8, 3 << 16) + words)
            return probe.recv(1) == b"R"  # It asks for a password; while it starts, it says E.
        return False

    def _says_ready(self) -> bool:
        """Whether its notes say so; they may be those of a server that was killed."""
        try:
            lines = (self.data / "postmaster.pid").read_text(encoding="utf-8").splitlines()
        except OSError:
            return False
        return lines[STATUS_LINE:] != [] and lines[STATUS_LINE].strip() in ("ready", "standby")

    def url(self, database: str, role: str, password: str) -> str:
        """Where *role* finds *database*."""
        port = "" if self.port == PORT_DEFAULT else f"&port={self.port}"
        return f"postgresql://{role}:{password}@/{database}?host={self.sockets}{port}"


def _inside(folder: Path) -> str:
    """*folder*, as a program finds it that is started in it, and may not enter those above."""
    return HERE if sys.platform.startswith("linux") else str(folder)
