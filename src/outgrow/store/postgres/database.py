"""A store in a PostgreSQL database: units on a pool, each of them as if it were alone."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from contextlib import AbstractAsyncContextManager, suppress
from time import perf_counter
from typing import Any, ClassVar, Final

from outgrow.errors import StatementFailed, StoreError, StoreUnreachable
from outgrow.store.database import Others, Unit
from outgrow.store.driver import drive, shield
from outgrow.store.postgres.appending import UNITS_PER_COMMIT_MAX, Appender
from outgrow.store.postgres.connection import (
    ROLLBACK_SECONDS_MAX,
    STATEMENT_SECONDS_MAX,
    RunAgain,
    shown,
)
from outgrow.store.postgres.notices import Notices
from outgrow.store.postgres.pool import RECONNECT_SECONDS_MAX, Pool, pause
from outgrow.store.postgres.readers import SNAPSHOTS_MAX, Readers
from outgrow.store.postgres.units import Desk, Work
from outgrow.store.session import Dialect
from outgrow.store.transaction import Outbox, Snapshot, Transaction

CONNECTIONS_MAX: Final = 16
"""How many units of work of one service are under way at once in one process."""

RUNS_AT_WILL: Final = 3
"""How often a unit is run beside all others; then it waits for its turn among those like it."""

RUNS_MAX: Final = 32
"""How often a unit is run, if what others do at the same time comes in its way."""

SILENT_UNITS_MAX: Final = 1024
"""How many units are remembered, by name, as those that only record and need no connection."""


class PostgresDatabase:
    """
    The `Database` of one service in PostgreSQL.

    Units are serializable: a unit that would see or undo half of another's work is run again.
    """

    dialect: ClassVar[Dialect] = "postgresql"

    def __init__(self, url: str, service: str, outbox: Outbox | None) -> None:
        self._pool = Pool(url, service, CONNECTIONS_MAX)
        self._appending = Pool(url, service, 1)
        self._desk = Desk(self._pool, shown(url), outbox)
        self._appender = Appender(self._desk, self._appending)
        self._readers = Readers(url, service, lambda: self.joined() is not None)
        self._notices = Notices(url, service)
        self.others: Others | None = self._notices
        self._silent: set[str] = set()
        self._turns = asyncio.Lock()
        self._under_way = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._is_closed = False
        self._units = 0
        self._units_failed = 0
        self._units_repeated = 0

    async def submit(
        self, unit: Unit, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Awaitable[Any]:
        if self._is_closed:
            message = "the store is closed. Its service has stopped, or its 'async with' has ended."
            raise StoreError(message)
        work = Work(self._desk, unit, args, kwargs)
        self._under_way += 1
        self._idle.clear()
        try:
            await self._run(work)
        except BaseException as error:
            self._units_failed += 1
            if work.cancelled is not None and work.is_cancelled:
                raise work.cancelled from error  # Nobody else would tell the task again.
            raise
        finally:
            self._under_way -= 1
            if not self._under_way:
                self._idle.set()
        self._units += 1
        if work.transaction.entries and self._desk.outbox is not None:
            self._desk.outbox.committed()
        if work.cancelled is not None and work.is_cancelled:
            raise work.cancelled
        return work

    def joined(self) -> Transaction | None:
        work = self._desk.advancing
        return work.transaction if work is not None and work.is_running else None

    def snapshot(self) -> AbstractAsyncContextManager[Snapshot]:
        return self._readers.snapshot()

    def statistics(self) -> dict[str, float]:
        return {
            "units": self._units,
            "units_failed": self._units_failed,
            "units_repeated": self._units_repeated,
            "units_under_way": self._under_way,
            "units_waiting": self._pool.waiting,
            "units_per_commit_max": UNITS_PER_COMMIT_MAX,
            "unit_runs_max": RUNS_MAX,
            "grouped_commits": self._appender.batches,
            "statement_seconds_max": STATEMENT_SECONDS_MAX,
            "connections": self._pool.in_use,
            "connections_max": CONNECTIONS_MAX,
            "connections_opened": self._pool.opened,
            "reconnect_seconds_max": RECONNECT_SECONDS_MAX,
            "notices_sent": self._notices.sent,
            "notices_heard": self._notices.heard,
            "snapshots": self._readers.snapshots,
            "snapshots_open": self._readers.open,
            "snapshots_open_max": SNAPSHOTS_MAX,
        }

    async def close(self) -> None:
        self._is_closed = True
        await self._idle.wait()
        await self._readers.close()
        await self._appending.close()
        await self._pool.close()

    async def _run(self, work: Work) -> None:
        """Run *work* until it is committed, or has failed by itself."""
        runs, away_since = 0, None
        while True:
            runs += 1
            try:
                if runs > RUNS_AT_WILL:
                    await self._run_in_turn(work)
                else:
                    await self._run_once(work)
                break
            except (RunAgain, StoreUnreachable) as again:
                is_away = isinstance(again, StoreUnreachable) or again.is_lost
                away_since = (away_since or perf_counter()) if is_away else None
                self._refuse_endless(work, again, runs, away_since)
                work.is_careful |= isinstance(again, RunAgain) and again.is_careful
                if isinstance(again, RunAgain) and again.is_careful:
                    runs -= 1
            self._units_repeated += 1
            await pause(runs, is_away=away_since is not None)
            work.begin_again()

    def _refuse_endless(
        self, work: Work, again: RunAgain | StoreUnreachable, runs: int, away_since: float | None
    ) -> None:
        if away_since is not None:
            if perf_counter() - away_since > RECONNECT_SECONDS_MAX or self._is_closed:
                raise StoreUnreachable(self._desk.place, str(again)) from again
        elif runs >= RUNS_MAX:
            message = (
                f"{work.name}: it was run {runs} times, and each time others changed what it had "
                "read before it could be committed. Let it touch fewer rows, or call it less often "
                f"at once. The last time: {again}"
            )
            raise StatementFailed(message, "SerializationError") from again

    async def _run_in_turn(self, work: Work) -> None:
        """Run it while none of those runs that collided as often, here or in other processes."""
        # Here first, so that all who wait hold one connection.
        async with self._turns:
            work.has_turn = True
            await work.begin()
            await self._run_once(work)

    async def _run_once(self, work: Work) -> None:
        if work.connection is None and not (self._pool.has_idle or work.name in self._silent):
            # Whoever gives up while waiting for a connection has not begun.
            await work.begin()
        coroutine = work.effect()
        try:
            await drive(work, coroutine)
            if work.has_begun:
                await shield(work, work.commit())
            elif work.transaction.entries:
                await self._append(work)
        except BaseException:
            with suppress(RuntimeError):  # It waits when told to end; it is left so.
                coroutine.close()
            raise
        finally:
            if work.connection is not None:
                await shield(work, work.let_go(), ROLLBACK_SECONDS_MAX)

    async def _append(self, work: Work) -> None:
        """Commit *work*, which only recorded, with its neighbours; the next one need not wait."""
        if len(self._silent) < SILENT_UNITS_MAX:
            self._silent.add(work.name)
        if work.connection is not None:
            await shield(work, work.let_go(), ROLLBACK_SECONDS_MAX)
        await self._appender.append(work)
