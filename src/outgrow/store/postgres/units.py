"""A unit of work under way on PostgreSQL."""

from __future__ import annotations

import asyncio
import types
from collections.abc import Awaitable, Callable, Coroutine, Generator
from functools import lru_cache
from typing import Any, Final

import asyncpg

from outgrow import crash
from outgrow.errors import (
    CommitUnknown,
    StatementFailed,
    StatementInterrupted,
    StatementRefused,
    UnitError,
)
from outgrow.store.database import Unit
from outgrow.store.driver import Course, Operation, shield
from outgrow.store.postgres.connection import (
    ANSWER_SECONDS_MAX,
    BEGIN,
    STATEMENT_SECONDS_MAX,
    Connection,
    RunAgain,
    explain,
)
from outgrow.store.postgres.handing import handing
from outgrow.store.postgres.pool import Pool
from outgrow.store.postgres.statements import arguments_of, translate
from outgrow.store.session import Row, Rows
from outgrow.store.transaction import Outbox, Transaction
from outgrow.store.unit import UnitOfWork

TURN: Final = 0x6F757475726E
"""The number of the advisory lock under which units run that collide again and again."""

TURN_SECONDS_MAX: Final = 10.0
"""How long a unit waits for its turn; whoever has it may be frozen."""

COPIED_FROM: Final = 3
"""From how many rows on they are copied, which costs two journeys to the server."""


class Desk:
    """
    What all units of one store work with.

    Attributes:
        pool: Their connections.
        place: The database's address, for messages.
        outbox: Where recorded events and commands go.
        advancing: The unit whose code runs right now.
    """

    def __init__(self, pool: Pool, place: str, outbox: Outbox | None) -> None:
        self.pool = pool
        self.place = place
        self.outbox = outbox
        self.advancing: Work | None = None


class _Statement(Operation):
    """
    A statement of a unit; the first one takes a connection.

    Args:
        seconds_max: How long it may take if it is the user's; outgrow's own may take as long as
            any answer may, and if one does not come the connection counts as lost.
    """

    __slots__ = ("_run", "_seconds_max", "_work")

    def __init__(
        self, work: Work, run: Callable[[], Coroutine[Any, Any, Any]], seconds_max: float | None
    ) -> None:
        self._work = work
        self._run = run
        self._seconds_max = seconds_max

    @types.coroutine
    def perform(self, course: Course) -> Generator[Any, Any, Any]:
        work = self._work
        if work.connection is None:
            # Another may have taken the last idle one; nothing has happened, so it may be given up.
            yield from work.begin()
        try:
            seconds_max = self._seconds_max or ANSWER_SECONDS_MAX
            return (yield from shield(course, self._run(), seconds_max))
        except TimeoutError as error:
            if self._seconds_max is None:
                raise RunAgain(error, is_lost=True) from error
            interrupted = explain(work.last_sql, error)
            assert isinstance(interrupted, UnitError)
            work.poison = interrupted
            raise interrupted from error


class Work(UnitOfWork):
    """
    One unit of work; also what its transaction runs its statements on.

    A statement that fails takes PostgreSQL's whole transaction with it. So the unit is run again
    with a savepoint before each statement, and is told of the failure then; most units have none.

    Attributes:
        connection: What it runs on, since its first statement.
        has_begun: Whether it ran a statement.
        is_careful: Whether it has savepoints.
        has_turn: Whether it was in others' way too often: those run one after the other.
        last_sql: Its last statement, for messages.
    """

    dialect: Final = "postgresql"

    def __init__(
        self, desk: Desk, unit: Unit, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        self._is_running = False
        self._desk = desk
        super().__init__(desk.outbox, unit, args, kwargs)
        self.connection: Connection | None = None
        self.is_careful = False
        self.has_turn = False
        self.last_sql = ""
        self.has_begun = False
        self._statements = 0
        self._conclusion: tuple[str, Row] | None = None
        self._has_concluded = False

    @property
    def is_running(self) -> bool:
        """Whether its code is being advanced right now."""
        return self._is_running

    @is_running.setter
    def is_running(self, value: bool) -> None:
        self._is_running = value
        self._desk.advancing = self if value else None

    def __await__(self) -> Generator[Any, Any, Any]:
        """The unit's result; it is committed when this can be awaited."""
        yield from ()
        return self.result

    def begin_again(self) -> None:
        super().begin_again()
        self.has_begun = False
        self._statements = 0

    async def begin(self) -> None:
        """Take a connection; a unit that has its turn waits for those of other processes too."""
        connection = await self._desk.pool.acquire()
        if self.has_turn:
            try:
                # Before the transaction begins, so that it sees what the others have committed.
                async with asyncio.timeout(TURN_SECONDS_MAX):
                    await connection.own("select pg_advisory_lock(?)", (TURN,))
            except BaseException as error:
                self._desk.pool.discard(connection)
                if isinstance(error, Exception):
                    is_lost = not isinstance(error, TimeoutError)
                    raise RunAgain(error, is_lost=is_lost) from error
                raise
        self.connection = connection

    def change(self, sql: str, parameters: dict[str, Any]) -> Awaitable[int]:
        self._not_awaited += 1
        return self._operate(sql, parameters, is_change=True)

    def fetch(self, sql: str, parameters: dict[str, Any]) -> Awaitable[Rows]:
        self._not_awaited += 1
        return self._operate(sql, parameters, is_change=False)

    def own(self, sql: str, parameters: Row = ()) -> Awaitable[list[Row]]:
        self._not_awaited += 1
        return self._operate_own(sql, parameters)

    def run(
        self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Awaitable[Any]:
        name, call = handing(explain, function, args, kwargs)
        self._not_awaited += 1
        return self._hand_out(name, call)

    async def conclude(self, insert: str, row: Row) -> bool:
        # With the one event that most units record it is one statement, and one journey less.
        if len(self.transaction.entries) != 1:
            return await super().conclude(insert, row)
        self._conclusion = insert, row
        await self._say(self.transaction)
        if self._take_conclusion() is not None:  # Nothing was to be written.
            return await super().conclude(insert, row)
        self._has_said = True
        return self._has_concluded

    def _take_conclusion(self) -> tuple[str, Row] | None:
        conclusion, self._conclusion = self._conclusion, None
        return conclusion

    async def add(self, table: str, columns: tuple[str, ...], rows: list[Row]) -> None:
        conclusion = self._take_conclusion() if len(rows) == 1 else None
        if conclusion is not None:
            insert, row = conclusion
            both = _insert_both(insert, table, columns)
            self._has_concluded = bool(await self.own(both, (*row, *rows[0])))
            return
        if len(rows) < COPIED_FROM:
            await super().add(table, columns, rows)
            return
        self.check()

        async def run() -> None:
            assert self.connection is not None
            await self._run(table, self.connection.copy(table, columns, rows))

        await _Statement(self, run, None)

    async def undo(self) -> None:
        self.check()
        self._has_said = False
        if self.has_begun:
            await _Statement(self, lambda: self._command(f"rollback; {BEGIN}"), None)

    async def commit(self) -> None:
        """
        Commit what was done.

        Raises:
            RunAgain: It could not be, because of what others did meanwhile.
            CommitUnknown: The connection ended before the answer came.
        """
        connection = self.connection
        if connection is None or not self.has_begun:
            return
        crash.at("store.before_commit")
        try:
            with connection.ended_if_silent():
                await connection.command("commit")
        except Exception as error:  # the border to the driver
            explained = explain("commit", error)
            if isinstance(explained, RunAgain) and explained.is_lost:
                raise CommitUnknown(self._desk.place, self.name) from error
            if isinstance(explained, StatementFailed):
                message = f"the commit did not succeed: {error}"
                raise StatementFailed(message, "CommitFailed") from error
            raise explained from error
        self.has_begun = False
        crash.at("store.after_commit")

    async def let_go(self) -> None:
        """Take back what was not committed, and give the connection back."""
        connection, self.connection = self.connection, None
        if connection is None:
            return
        # What waits for the answer to a cancellation would wait for a server that hangs.
        if self.has_begun:
            self.has_begun = False
            try:
                await connection.command("rollback")
            except (Exception, asyncio.CancelledError):  # noqa: BLE001 - its end rolls back too
                self._desk.pool.discard(connection)
                return
        if self.has_turn:
            try:
                await connection.command("select pg_advisory_unlock_all()")
            except (Exception, asyncio.CancelledError):  # noqa: BLE001 - its end lets go too
                self._desk.pool.discard(connection)
                return
        self._desk.pool.give_back(connection)

    async def _say(self, transaction: Transaction) -> None:
        # What only records is committed with its neighbours, by the appender.
        if self.has_begun or self._conclusion is not None:
            await super()._say(transaction)

    async def _operate(self, sql: str, parameters: dict[str, Any], *, is_change: bool) -> Any:
        self._not_awaited -= 1
        self.check()
        try:
            translated = translate(sql)
        except StatementRefused as error:
            self.poison = error
            raise
        values = arguments_of(sql, translated.names, parameters)
        self.last_sql = sql

        async def run() -> Any:
            assert self.connection is not None
            call = self.connection.change if is_change else self.connection.fetch
            return await self._run(sql, call(translated.sql, values))

        try:
            return await _Statement(self, run, STATEMENT_SECONDS_MAX)
        except (StatementInterrupted, StatementRefused) as error:
            self.poison = error
            raise

    async def _operate_own(self, sql: str, parameters: Row) -> Any:
        self._not_awaited -= 1
        self.check()

        async def run() -> Any:
            assert self.connection is not None
            return await self._run(sql, self.connection.own(sql, parameters))

        return await _Statement(self, run, None)

    async def _hand_out(self, name: str, call: Callable[..., Coroutine[Any, Any, Any]]) -> Any:
        self._not_awaited -= 1
        self.check()
        self.last_sql = name

        async def run() -> Any:
            assert self.connection is not None
            opening = "" if self.has_begun else f"{BEGIN}; "
            self.has_begun = True
            self._statements += 1
            return await call(self.connection, opening)

        try:
            return await _Statement(self, run, STATEMENT_SECONDS_MAX)
        except (StatementInterrupted, StatementRefused) as error:
            self.poison = error
            raise

    async def _run(self, sql: str, answer: Coroutine[Any, Any, Any]) -> Any:
        connection = self.connection
        assert connection is not None
        try:
            if not self.has_begun:
                self.has_begun = True
                await connection.command(BEGIN)
            if self.is_careful:
                await connection.command("savepoint statement")
            outcome = await answer
        except Exception as error:  # the border to the driver
            explained = explain(sql, error)
            if isinstance(error, asyncpg.InvalidCachedStatementError):
                await connection.forget()
            if isinstance(explained, StatementFailed):
                await self._take_back(explained)
            raise explained from error
        finally:
            answer.close()
        self._statements += 1
        return outcome

    async def _take_back(self, failure: StatementFailed) -> None:
        """Make the unit usable again after a statement that failed, or have it run again."""
        if self.is_careful:
            await self._command("rollback to savepoint statement")
        elif self._statements == 0:
            await self._command(f"rollback; {BEGIN}")
        else:
            raise RunAgain(failure, is_careful=True)

    async def _command(self, sql: str) -> None:
        assert self.connection is not None
        try:
            await self.connection.command(sql)
        except Exception as error:  # the border to the driver
            raise explain(sql, error) from error


@lru_cache(maxsize=64)
def _insert_both(insert: str, table: str, columns: tuple[str, ...]) -> str:
    """One statement: *insert*, and if it returns a row, one more row for *table*."""
    marks = ", ".join("?" * len(columns))
    return (
        f"with first as ({insert}), second as (insert into {table} ({', '.join(columns)}) "  # noqa: S608 - outgrow's
        f"select {marks} where exists (select 1 from first)) select 1 from first"
    )
