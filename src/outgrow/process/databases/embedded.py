"""The server of one state folder, and what its services need in it."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import logging
import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import BinaryIO, Final

from outgrow.clock import SystemClock
from outgrow.errors import StoreInUse, StoreRefused
from outgrow.process.databases.cluster import NAME, SUPERUSER, Cluster
from outgrow.process.databases.kept import Kept
from outgrow.store.creating import Administrator, database_name, new_password

LOCK_SECONDS_MAX: Final = 10.0
LOCK_PAUSE_SECONDS: Final = 0.02
PROBE_PAUSE_SECONDS: Final = 0.01
LOG_BYTES_MAX: Final = 10 * 1024 * 1024

logger = logging.getLogger("outgrow.process")


class Embedded:
    """
    The PostgreSQL server of one state folder, before and while it runs.

    `take` comes first; after `release` another process may take it.

    Attributes:
        cluster: Its databases.
        urls: Where each service finds its own, by service; known before the server runs.
        lock: A file descriptor that the server inherits, so that the folder is taken until its last
            process is gone.
    """

    def __init__(self, state: Path, application: str, services: Sequence[str]) -> None:
        self.cluster = Cluster(state / NAME / "data")
        self.urls: dict[str, str] = {}
        self.lock = -1
        self._state = state
        self._application = application
        self._services = services
        self._kept = Kept()
        self._new: set[str] = set()

    @property
    def log_path(self) -> Path:
        """What the server logs, unless a supervisor hears it."""
        return self._state / NAME / "log"

    def open_log(self) -> BinaryIO:
        """The log, to be added to; only this user reads it."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        return os.fdopen(os.open(self.log_path, flags, 0o600), "ab")

    @property
    def admin_url(self) -> str:
        """Where the superuser finds the server."""
        return self.cluster.url("postgres", SUPERUSER, self._kept.superuser)

    async def take(self) -> None:
        """
        Take the folder, and make databases and passwords if there are none.

        Raises:
            StoreInUse: Another process runs its server.
            StoreRefused: The databases cannot be made, or not as the user that would serve them.
            ExtraMissing: The wheel of PostgreSQL is not installed.
        """
        await self._take_lock()
        try:
            await asyncio.to_thread(self._prepare)
        except BaseException:
            self.release()
            raise

    def release(self) -> None:
        """Let another process take it; the server has ended."""
        if self.cluster.sockets is not None:
            shutil.rmtree(self.cluster.sockets, ignore_errors=True)
        with contextlib.suppress(OSError):
            os.close(self.lock)

    async def wait_answers(self, has_ended: Callable[[], bool] = lambda: False) -> bool:
        """
        Wait until the server answers.

        Args:
            has_ended: Tells whether the server has ended instead.

        Returns:
            Whether it has not.
        """
        clock = SystemClock()
        while not self.cluster.answers():
            if has_ended():
                return False
            await clock.sleep(PROBE_PAUSE_SECONDS)
        return True

    async def provide(self) -> None:
        """
        Give each service its database, if it has none; the server answers.

        Raises:
            StoreRefused: A role or a database of that name is somebody else's.
            StoreUnreachable: The server has ended.
        """
        async with Administrator(self.admin_url) as administrator:
            await administrator.shut("postgres", "template1")
            for service in self._services:
                await administrator.provide(
                    self._application,
                    service,
                    self._kept.roles[service],
                    is_renewed=service in self._new,
                )

    async def _take_lock(self) -> None:
        path = self._state / NAME / "lock"
        clock = SystemClock()
        give_up_at = clock.monotonic() + LOCK_SECONDS_MAX
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self.lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StoreRefused(str(path.parent), f"it cannot be made: {error}.") from error
        while True:
            try:
                fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                # The server of a process that was killed is on its way out.
                if clock.monotonic() > give_up_at:
                    os.close(self.lock)
                    message = "another process runs its PostgreSQL server. Stop it first."
                    raise StoreInUse(str(path.parent), message) from None
                await clock.sleep(LOCK_PAUSE_SECONDS)
            else:
                return

    def _prepare(self) -> None:
        self._kept = kept = Kept.read(self._state)
        if kept.sockets and Path(kept.sockets).name.startswith("og-pg-"):
            shutil.rmtree(kept.sockets, ignore_errors=True)  # Of a run that was killed.
        is_lost = not kept.superuser
        kept.superuser = kept.superuser or new_password()
        self._new = {service for service in self._services if service not in kept.roles}
        kept.roles |= {service: new_password() for service in self._new}
        kept.sockets = str(self.cluster.make_sockets())
        kept.write(self._state)  # First: a server whose password is not known serves nobody.
        if not self.cluster.exists:
            logger.info("making databases in %s", self.cluster.data)
            self.cluster.make(kept.superuser)
        elif is_lost:
            self.cluster.change_password(kept.superuser)
        for service in self._services:
            name = database_name(self._application, service)
            self.urls[service] = self.cluster.url(name, name, kept.roles[service])
        if self.log_path.exists() and self.log_path.stat().st_size > LOG_BYTES_MAX:
            self.log_path.unlink()
