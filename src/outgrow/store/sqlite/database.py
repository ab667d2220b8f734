"""A store in an SQLite file: one writer, any number of readers, one commit for many units."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import ClassVar

from outgrow.clock import Clock
from outgrow.store.database import Others
from outgrow.store.driver import Course, outlast
from outgrow.store.schema import Schema
from outgrow.store.session import Dialect
from outgrow.store.sqlite.checkpoints import Checkpoints
from outgrow.store.sqlite.connection import STATEMENT_SECONDS_MAX, Connection, may_read
from outgrow.store.sqlite.opening import Opening
from outgrow.store.sqlite.readers import Readers
from outgrow.store.sqlite.units import Desk
from outgrow.store.sqlite.writer import UNIT_SECONDS_WARNED, UNITS_PER_COMMIT_MAX, Writer
from outgrow.store.store import Store
from outgrow.store.threads import Threads
from outgrow.store.transaction import Outbox, Snapshot

OWN = "outgrow_"
"""How names of outgrow's own tables begin; no statement of a service's holds one."""


async def open_sqlite(
    path: Path,
    *,
    application: str,
    service: str,
    clock: Clock,
    schemas: Sequence[Schema] = (),
    migrations: Path | None = None,
    outbox: Outbox | None = None,
) -> Store:
    """
    Open the store of *service* in the SQLite file *path*, and make it if it is not there.

    It is locked against a second opener until it is closed or this process ends, however that
    happens. Tables are brought up to date in one transaction.

    Args:
        path: The file.
        application: Whose store it must be.
        service: Whose store it must be.
        clock: The application's.
        schemas: Name, version and DDL of the tables that rooms above keep in each store.
        migrations: The folder of the service's migrations.
        outbox: Where recorded events and sent commands go.

    Raises:
        StoreInUse: Somebody has it open.

        StoreOfAnother: It belongs to another application or service.

        StoreUnreadable: It is damaged, no store, or written by something newer.

        MigrationFailed: A migration was not accepted, or changed after it was applied.
    """
    opening = Opening(
        path=path,
        application=application,
        service=service,
        clock=clock,
        schemas=schemas,
        migrations=migrations,
    )
    threads = Threads(f"outgrow-store-{service}", 1)
    course = Course()
    try:
        connection = await outlast(course, threads.run(opening.open))
    except BaseException as error:
        threads.close()
        if course.is_cancelled:
            assert course.cancelled is not None
            raise course.cancelled from error
        raise
    database = SqliteDatabase(opening, connection, Desk(connection, threads, outbox))
    if course.cancelled is not None:
        await database.close()
        raise course.cancelled
    return Store(database, application=application, service=service, clock=clock)


class SqliteDatabase:
    """The `Database` of an SQLite file."""

    dialect: ClassVar[Dialect] = "sqlite"

    def __init__(
        self,
        opening: Opening,
        connection: Connection,
        desk: Desk,
    ) -> None:
        self._opening = opening
        self._connection = connection
        self._desk = desk
        self._checkpoints = Checkpoints(connection, opening.path)
        self._readers = Readers(
            self._connect, lambda: self._writer.joined() is not None, opening.service
        )
        self.others: Others | None = None
        self._writer = Writer(desk, self._checkpoints, self._end_old_snapshots)
        self.submit = self._writer.submit
        self.joined = self._writer.joined
        self._readers.on_end = self._tidy

    def snapshot(self) -> AbstractAsyncContextManager[Snapshot]:
        return self._readers.snapshot()

    def statistics(self) -> dict[str, float]:
        writer = self._writer
        return {
            "commits": writer.commits,
            "units": writer.units,
            "units_failed": writer.units_failed,
            "units_repeated": writer.units_repeated,
            "units_waiting": writer.waiting,
            "units_per_commit_max": UNITS_PER_COMMIT_MAX,
            "unit_warned_seconds": UNIT_SECONDS_WARNED,
            "statement_seconds_max": STATEMENT_SECONDS_MAX,
            "calls_aside": self._desk.threads.calls,
            **self._readers.statistics(),
            **self._checkpoints.statistics(),
        }

    def statements(self) -> set[str]:
        """The service's own statements that ran since the opening, as far as is remembered."""
        known = {*self._desk.pace.known(), *self._readers.pace.known()}
        return {statement for statement in known if OWN not in statement}

    async def close(self) -> None:
        if self._opening.lock < 0:
            return
        await self._writer.close()
        self._readers.close()
        # The last to close moves the log into the file, which takes a while.
        try:
            await self._desk.threads.run(self._connection.raw.close)
        finally:
            self._desk.threads.close()
            os.close(self._opening.lock)
            self._opening.lock = -1

    def _end_old_snapshots(self) -> None:
        self._readers.end_old(is_log_too_large=self._checkpoints.is_log_too_large)

    def _tidy(self) -> None:
        """Make the log short again after the last snapshot that held it up."""
        if self._checkpoints.is_held_up:
            self._writer.tidy()

    def _connect(self) -> Connection:
        connection = Connection(self._opening.path, may_read)
        connection.prepare()
        return connection
