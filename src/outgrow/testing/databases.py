"""The PostgreSQL server of a test run: started at its first use, and gone with the run."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
import tempfile
from collections import deque
from pathlib import Path
from typing import Final

from outgrow.errors import InternalError
from outgrow.process import leashed
from outgrow.process.databases import SUPERUSER, Cluster
from outgrow.store.creating import Administrator, database_name
from outgrow.testing.hosts import wait_for

TEMPLATE: Final = database_name("outgrow", "tests")

MEMORY: Final = Path("/dev/shm")  # noqa: S108 - what is made there has a random name
MEMORY_BYTES_NEEDED: Final = 2 * 1024**3
DATABASES_KEPT: Final = 40
"""What tests have left, and may still want to look at; of some 8 MB each."""

_UNSAFE: Final = {
    "fsync": "off",
    "full_page_writes": "off",
    "shared_buffers": "64MB",
    "max_wal_size": "256MB",
}
"""What a test kills is the server, and not the machine; so nothing needs to reach the disk."""


class PostgresServer:
    """
    A PostgreSQL server of its own for one test run, in a folder of its own.

    It listens on a Unix socket in that folder only, and dies with the process of the test run. Each
    test takes fresh databases from it; nobody cleans up. Where there is room, all is in memory: a
    disk that others keep busy makes a new database ten times as slow.

    Attributes:
        folder: Of the server's files; its path is short.
        cluster: Its databases on disk.
    """

    def __init__(self, *, settings: dict[str, str] | None = None) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="og-postgres-", dir=_memory()))
        self.folder.chmod(0o711)
        self.cluster = Cluster(self.folder / "data", settings=_UNSAFE | (settings or {}))
        self.log = self.folder / "log"
        self._password = secrets.token_hex(8)
        self._process: subprocess.Popen[bytes] | None = None
        self._has_template = False
        self._made = 0
        self._left: deque[str] = deque()

    @property
    def admin_url(self) -> str:
        """Where its superuser finds it."""
        return self.cluster.url("postgres", SUPERUSER, self._password)

    @property
    def pid(self) -> int:
        """The process id of the server."""
        assert self._process is not None, "start() comes first"
        return self._process.pid

    def start(self) -> None:
        """Start it if it does not run, and wait until it answers; it keeps its address."""
        if self._process is not None and self._process.poll() is None:
            return
        if not self.cluster.exists:
            self.cluster.make(self._password, is_synced=False)
        if self.cluster.sockets is None:
            self.cluster.make_sockets()
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own program
                self._leashed(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.cluster.data,
            )
        wait_for(self._answers, "the PostgreSQL server of the tests")

    def kill(self) -> None:
        """End it at once, as ``kill -9`` does; `start` lets it recover."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """End it in order: clients are cut off, what is committed is kept."""
        self._end(signal.SIGINT)

    def close(self) -> None:
        """End it, and remove what it kept."""
        self._end(signal.SIGQUIT)
        shutil.rmtree(self.folder, ignore_errors=True)
        if self.cluster.sockets is not None:
            shutil.rmtree(self.cluster.sockets, ignore_errors=True)

    async def database(self, name: str | None = None) -> str:
        """
        The URL of a fresh database: empty, in UTF-8, sorted by code point, as outgrow makes them.

        Who logs in by it may do what the role of a service may: no superuser, and the owner of what
        it makes there. Takes some 20 ms. A database without a name is gone once it is not used any
        more and forty others have been made; all are gone with the server.

        Args:
            name: What it is called; chosen if it does not matter.
        """
        self.start()
        if name is None:
            self._made += 1
            name = f"t{self._made}"
            self._left.append(name)
        async with Administrator(self.admin_url) as administrator:
            if not self._has_template:
                await administrator.provide("outgrow", "tests", self._password)
                self._has_template = True
            await administrator.copy(TEMPLATE, name)
            while len(self._left) > DATABASES_KEPT:
                if not await administrator.drop_unused(self._left[0]):
                    break
                self._left.popleft()
        return self.cluster.url(name, TEMPLATE, self._password)

    def _end(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait()

    def _leashed(self) -> list[str]:
        return leashed(
            *self.cluster.command(), on_end=signal.SIGQUIT, user=self.cluster.account.other
        )

    def _answers(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            message = f"the PostgreSQL server of the tests ended: {self.log.read_text()[-4000:]}"
            raise InternalError(message)
        return self.cluster.answers()


def _memory() -> Path | None:
    """A folder in memory, if there is one with room; else that of temporary files."""
    try:
        free = shutil.disk_usage(MEMORY).free
    except OSError:
        return None
    return MEMORY if free >= MEMORY_BYTES_NEEDED and os.access(MEMORY, os.W_OK) else None
