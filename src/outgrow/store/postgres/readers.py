"""Snapshots of a PostgreSQL database: repeatable read, read only."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from time import perf_counter
from typing import Any, Final

from outgrow.errors import (
    StatementFailed,
    StatementInterrupted,
    StatementRefused,
    StoreUnreachable,
    TransactionClosed,
)
from outgrow.store.postgres.connection import (
    ANSWER_SECONDS_MAX,
    ROLLBACK_SECONDS_MAX,
    STATEMENT_SECONDS_MAX,
    Connection,
    RunAgain,
    explain,
    shown,
)
from outgrow.store.postgres.handing import handing
from outgrow.store.postgres.pool import RECONNECT_SECONDS_MAX, Pool, pause
from outgrow.store.postgres.statements import arguments_of, translate
from outgrow.store.rows import shorten
from outgrow.store.session import Row, Rows
from outgrow.store.transaction import Snapshot

SNAPSHOTS_MAX: Final = 8
SNAPSHOTS_INSIDE_MAX: Final = 8
OWN_SECONDS_MAX: Final = 30.0
"""How long what outgrow itself reads may take, such as a history."""

STALE_CONNECTIONS_MAX: Final = 3
"""How many connections that turn out to be lost are replaced before a snapshot fails."""


class Readers:
    """
    Hands out snapshots; at most `SNAPSHOTS_MAX` at once, others wait.

    One that is opened inside of another takes a connection of a second pool, since the other could
    not end meanwhile.

    Args:
        is_inside_unit: Whether the code that runs now is a unit of work's.
    """

    def __init__(self, url: str, service: str, is_inside_unit: Callable[[], bool]) -> None:
        self._pool = Pool(url, service, SNAPSHOTS_MAX)
        self._inner = Pool(url, service, SNAPSHOTS_INSIDE_MAX)
        self.place = shown(url)
        self.is_inside_unit = is_inside_unit
        self.snapshots = 0
        self.open = 0

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[Snapshot]:
        """A snapshot, of the moment of its first statement."""
        if self.is_inside_unit():
            message = (
                "store.read() was called inside a transaction, where it would not see what the "
                "transaction did. Read with tx.fetch_…(...)."
            )
            raise StatementRefused(message)
        held = _held.get()
        pool = (
            self._inner
            if any(one.readers is self and one.is_open for one in held)
            else (self._pool)
        )
        if pool is self._inner and pool.in_use >= SNAPSHOTS_INSIDE_MAX:
            message = (
                f"store.read(): {SNAPSHOTS_INSIDE_MAX} snapshots are open inside of others. "
                "End a snapshot before you call what opens another one."
            )
            raise StatementRefused(message)
        reading = _Reading(self, pool)
        _held.set((*(one for one in held if one.is_open), reading))
        self.snapshots += 1
        self.open += 1
        try:
            yield Snapshot(reading)
        finally:
            self.open -= 1
            await reading.end()

    async def close(self) -> None:
        """Let go of the database; snapshots that are open keep theirs until they end."""
        await self._pool.close()
        await self._inner.close()


class _Reading:
    """What one snapshot runs its statements on, one at a time, whoever asks for them."""

    dialect: Final = "postgresql"

    def __init__(self, readers: Readers, pool: Pool) -> None:
        self.readers = readers
        self.is_open = True
        self._pool = pool
        self._connection: Connection | None = None
        self._turn = asyncio.Lock()
        self._has_begun = False
        self._has_read = False
        self._is_broken = False

    async def fetch(self, sql: str, parameters: dict[str, Any]) -> Rows:
        translated = translate(sql)
        values = arguments_of(sql, translated.names, parameters)
        return await self._run(  # type: ignore[no-any-return]
            sql, lambda c: c.fetch(translated.sql, list(values)), STATEMENT_SECONDS_MAX
        )

    async def own(self, sql: str, parameters: Row) -> list[Row]:
        try:
            return await self._run(  # type: ignore[no-any-return]
                sql, lambda c: c.own(sql, parameters), OWN_SECONDS_MAX
            )
        except StatementInterrupted as error:
            message = f"no answer within {OWN_SECONDS_MAX:g} s"
            raise StoreUnreachable(self.readers.place, message) from error

    async def run(
        self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        name, call = handing(_explain, function, args, kwargs)

        async def attempt(connection: Connection) -> tuple[Any, Exception | None]:
            try:
                return await call(connection), None
            except RunAgain as again:
                raise again.cause from None
            except Exception as error:  # noqa: BLE001 - it is the function's, not the connection's
                return None, error

        outcome, error = await self._run(name, attempt, STATEMENT_SECONDS_MAX)
        if error is not None:
            raise error
        return outcome

    async def end(self) -> None:
        """Refuse further statements, and end the transaction."""
        self.is_open = False
        async with self._turn:
            connection, self._connection = self._connection, None
            if connection is None:
                return
            try:
                async with asyncio.timeout(ROLLBACK_SECONDS_MAX):
                    await connection.command("commit")
            except Exception:  # noqa: BLE001 - nothing was written, so nothing can be lost
                self._pool.discard(connection)
            except BaseException:
                self._pool.discard(connection)
                raise
            else:
                self._pool.give_back(connection)

    async def _run(
        self,
        sql: str,
        call: Callable[[Connection], Coroutine[Any, Any, Any]],
        seconds_max: float | None,
    ) -> Any:
        self._check()
        async with self._turn:
            self._check()  # The snapshot may have ended while others had their turn.
            stale, tries, began = 0, 0, perf_counter()
            while True:
                try:
                    return await self._attempt(call, seconds_max)
                except StoreUnreachable:
                    if self._has_read or perf_counter() - began > RECONNECT_SECONDS_MAX:
                        raise
                    tries += 1
                    await pause(tries, is_away=True)
                except Exception as error:  # the border to the driver
                    failure = _explain(sql, error)
                    if not isinstance(failure, RunAgain):
                        await self._recover(failure)
                        raise failure from error
                    stale += 1
                    self._drop()  # With what was prepared on it, which may be outdated.
                    if self._has_read or stale > STALE_CONNECTIONS_MAX:
                        raise StoreUnreachable(self.readers.place, str(error)) from error

    async def _attempt(
        self, call: Callable[[Connection], Coroutine[Any, Any, Any]], seconds_max: float | None
    ) -> Any:
        if self._connection is None:
            self._connection = await self._pool.acquire()
            self._has_begun = False
        try:
            if not self._has_begun:
                async with asyncio.timeout(ANSWER_SECONDS_MAX):
                    await self._connection.command(_BEGIN)
                self._has_begun = True
            async with asyncio.timeout(seconds_max):
                outcome = await call(self._connection)
        except asyncio.CancelledError:
            self._drop()
            raise
        self._has_read = True
        return outcome

    async def _recover(self, failure: Exception) -> None:
        """A statement that failed took the transaction with it."""
        self._is_broken = self._has_read
        connection, self._connection = self._connection, None
        if connection is None:
            return
        if isinstance(failure, StatementFailed | StatementRefused):
            try:
                async with asyncio.timeout(ROLLBACK_SECONDS_MAX):
                    await connection.command("rollback")
            except Exception:  # noqa: BLE001 - the failure that is being told says more
                self._pool.discard(connection)
            else:
                self._pool.give_back(connection)
        else:
            self._pool.discard(connection)

    def _drop(self) -> None:
        self._is_broken = self._has_read
        connection, self._connection = self._connection, None
        if connection is not None:
            self._pool.discard(connection)

    def _check(self) -> None:
        if not self.is_open or self.readers.is_inside_unit():
            message = (
                "a snapshot was used after its end, or inside a transaction. It lives as long as "
                "its 'async with store.read()'; in a transaction read with tx.fetch_…(...)."
            )
            raise TransactionClosed(message)
        if self._is_broken:
            message = (
                "an earlier statement of this snapshot failed or was cancelled, and PostgreSQL has "
                "ended it. What is read now would be of another moment: open a new snapshot."
            )
            raise TransactionClosed(message)


def _explain(sql: str, error: Exception) -> Exception | RunAgain:
    if getattr(error, "sqlstate", None) == _READ_ONLY:
        return StatementRefused(f"{shorten(sql)}: a snapshot only reads. Write with a transaction.")
    return explain(sql, error)


_READ_ONLY: Final = "25006"
_BEGIN: Final = "begin isolation level repeatable read read only"

_held: contextvars.ContextVar[tuple[_Reading, ...]] = contextvars.ContextVar(
    "outgrow.held_postgres", default=()
)
