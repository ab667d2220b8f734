"""A unit of work under way on an SQLite connection."""

from __future__ import annotations

import asyncio
import contextvars
import math
from collections.abc import Awaitable, Callable, Generator
from functools import lru_cache, partial
from time import perf_counter, thread_time
from typing import Any, Final

from outgrow.errors import (
    DiskFailed,
    StatementFailed,
    StatementInterrupted,
    StatementRefused,
    UnitError,
)
from outgrow.store.database import Unit
from outgrow.store.driver import Operation
from outgrow.store.pace import QUICK_SECONDS, Pace
from outgrow.store.rows import shorten
from outgrow.store.session import Row, Rows
from outgrow.store.sqlite.connection import Connection
from outgrow.store.sqlite.handing import Aside, handing
from outgrow.store.threads import Patience, Threads
from outgrow.store.transaction import Outbox
from outgrow.store.unit import UnitOfWork

_ASIDE: Final = Aside()


class Desk:
    """
    What all units of one store work with, one at a time.

    Attributes:
        connection: The connection that writes.
        threads: The one thread that uses it when the loop does not.
        pace: How quick the users' statements are.
        own_pace: How quick outgrow's are.
        outbox: Where recorded events and commands go.
    """

    def __init__(self, connection: Connection, threads: Threads, outbox: Outbox | None) -> None:
        self.connection = connection
        self.threads = threads
        self.outbox = outbox
        self.pace = Pace()
        self.own_pace = Pace()

    def aside(
        self, pace: Pace, call: Callable[..., Any], sql: str, parameters: Any
    ) -> asyncio.Future[Any]:
        """Run a statement in the thread, and learn how quick it is."""
        return self.threads.run(partial(run_timed, pace, call, sql, parameters))


def run_timed(pace: Pace, call: Callable[..., Any], sql: str, parameters: Any) -> Any:
    """Run *call* and tell *pace* how much processor time it took."""
    started = thread_time()
    try:
        return call(sql, parameters)
    finally:
        pace.ran_aside(sql, thread_time() - started)


class Batch:
    """
    The units that are committed together.

    Attributes:
        began: When the first of them came.
        committed: Done when each of them knows what became of it.
    """

    __slots__ = ("began", "committed", "works")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.began = perf_counter()
        self.committed = Patience(loop=loop)
        self.works: list[Work] = []


class Work(UnitOfWork):
    """
    One unit of work; also what its transaction runs its statements on.

    Attributes:
        batch: What it is committed with.
        error: Why it did not happen, once its batch is done.
        has_lost: Whether SQLite rolled the whole batch back in the middle of this unit.
    """

    dialect: Final = "sqlite"
    has_lost = False
    error: BaseException | None = None

    def __init__(
        self,
        desk: Desk,
        batch: Batch,
        unit: Unit,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> None:
        super().__init__(desk.outbox, unit, args, kwargs)
        self._desk = desk
        self._connection = desk.connection
        self._variables = contextvars.copy_context()
        self.batch = batch

    def __await__(self) -> Generator[Any, Any, Any]:
        """Wait for the commit; the unit's result."""
        if not self.batch.committed.done():
            yield from self.batch.committed
        if self.error is not None:
            raise self.error
        return self.result

    def forget(self) -> None:
        """
        Let go of the transaction, which nobody may use any more.

        They hold each other, and would only be found by the collector of garbage, which takes a
        tenth of the time of a unit.
        """
        self.__dict__.pop("transaction", None)

    def run_elsewhere(self, step: Callable[..., Any], *given: Any) -> Any:
        """Run a step of the unit outside of its caller's task, with its context variables."""
        return self._variables.run(step, *given)

    def change(self, sql: str, parameters: dict[str, Any]) -> Awaitable[int]:
        self._not_awaited += 1
        return self._operate(self._desk.pace, self._connection.change, sql, parameters)

    def fetch(self, sql: str, parameters: dict[str, Any]) -> Awaitable[Rows]:
        self._not_awaited += 1
        return self._operate(self._desk.pace, self._connection.fetch, sql, parameters)

    def own(self, sql: str, parameters: Row = ()) -> Awaitable[list[Row]]:
        self._not_awaited += 1
        return self._operate(self._desk.own_pace, self._connection.own, sql, parameters)

    async def conclude(self, insert: str, row: Row) -> bool:
        # To return a row takes as long as to add it.
        self._not_awaited += 1
        insert = _without_returning(insert)
        call = self._connection.add
        return bool(await self._operate(self._desk.own_pace, call, insert, row))

    def run(
        self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Awaitable[Any]:
        name, call = handing(self._connection, function, args, kwargs)
        self._not_awaited += 1
        return self._operate(_ASIDE, call, name, None)

    async def undo(self) -> None:
        self.check()
        self._connection.take_back()

    async def _operate(
        self, pace: Pace, call: Callable[[str, Any], Any], sql: str, parameters: Any
    ) -> Any:
        self._not_awaited -= 1
        if not self.is_running or self.poison is not None:
            self.check()
        connection = self._connection
        try:
            if sql in pace.quick:
                outcome = call(sql, parameters)
                seconds = perf_counter() - connection.started
                if seconds > QUICK_SECONDS:
                    pace.was_slow(sql, seconds)
            elif sql in pace.watched:
                outcome = pace.watch(call, sql, parameters)
            else:
                outcome = await Operation(partial(self._desk.aside, pace, call, sql, parameters))
        except UnitError as error:
            self._take(error, pace, sql)
            raise
        if not connection.raw.in_transaction:
            raise self._lose(sql)
        return outcome

    def _take(self, error: UnitError, pace: Pace, sql: str) -> None:
        if isinstance(error, StatementInterrupted):
            pace.was_slow(sql, math.inf)
        if not self._connection.raw.in_transaction:
            lost = self._lose(sql)
            if isinstance(error, DiskFailed):
                self.poison = error
            elif not isinstance(error, StatementInterrupted):
                raise lost from error
        if isinstance(error, StatementInterrupted | StatementRefused):
            self.poison = error

    def _lose(self, sql: str) -> StatementFailed:
        self.has_lost = True
        message = (
            f"{shorten(sql)}: it rolled the whole transaction back. A unit of work does not end "
            "its own transaction: leave out 'or rollback' and raise(rollback), use 'or abort'."
        )
        error = StatementFailed(message, "TransactionLost")
        self.poison = error
        return error


@lru_cache(maxsize=64)
def _without_returning(insert: str) -> str:
    return insert.rpartition(" returning ")[0] or insert
