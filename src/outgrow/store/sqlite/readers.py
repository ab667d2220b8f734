"""Readers of an SQLite file, which neither wait for the writer nor make it wait."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from time import perf_counter
from typing import Any

from outgrow.errors import StatementRefused, TransactionClosed
from outgrow.store.pace import QUICK_SECONDS, Pace
from outgrow.store.session import Row, Rows
from outgrow.store.sqlite.connection import Connection
from outgrow.store.sqlite.units import run_timed
from outgrow.store.threads import Threads
from outgrow.store.transaction import Snapshot

SNAPSHOTS_MAX = 64
SNAPSHOTS_INSIDE_MAX = 128
CONNECTIONS_KEPT = 4
READER_THREADS = 4


class Readers:
    """
    The connections that read.

    Args:
        connect: Makes another connection.
        is_inside_unit: Whether the code that runs now is a unit of work's.
    """

    def __init__(
        self, connect: Callable[[], Connection], is_inside_unit: Callable[[], bool], name: str
    ) -> None:
        self._connect = connect
        self.is_inside_unit = is_inside_unit
        self._idle: list[Connection] = []
        self._places = asyncio.Semaphore(SNAPSHOTS_MAX)
        self.threads = Threads(f"{name}-reader", READER_THREADS)
        self.pace = Pace()
        self._inside = 0
        self.snapshots = 0
        self.open = 0

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[Snapshot]:
        """
        A snapshot; there are at most `SNAPSHOTS_MAX` at once, others wait.

        One that is opened inside of another does not wait, since the other could not end
        meanwhile; beyond `SNAPSHOTS_INSIDE_MAX` it is refused.
        """
        if self.is_inside_unit():
            message = (
                "store.read() was called inside a transaction, where it would not see what the "
                "transaction did. Read with tx.fetch_…(...)."
            )
            raise StatementRefused(message)
        outer = _held_here()
        async with self._place_inside() if self._holds_one(outer) else self._places:
            connection = self._idle.pop() if self._idle else self._connect()
            reading = _Reading(self, connection, outer)
            _held.set(reading)
            self.snapshots += 1
            self.open += 1
            connection.own("begin")
            try:
                yield Snapshot(reading)
            finally:
                self.open -= 1
                try:
                    await reading.end()
                finally:
                    self._put_back(connection)

    def _holds_one(self, reading: _Reading | None) -> bool:
        while reading is not None:
            if reading.is_open and reading.readers is self:
                return True
            reading = reading.outer
        return False

    @asynccontextmanager
    async def _place_inside(self) -> AsyncIterator[None]:
        if self._inside >= SNAPSHOTS_INSIDE_MAX:
            message = (
                f"store.read(): {SNAPSHOTS_INSIDE_MAX} snapshots are open inside of others. "
                "End a snapshot before you call what opens another one."
            )
            raise StatementRefused(message)
        self._inside += 1
        try:
            yield
        finally:
            self._inside -= 1

    def _put_back(self, connection: Connection) -> None:
        connection.own("commit")
        if len(self._idle) < CONNECTIONS_KEPT:
            self._idle.append(connection)
        else:
            connection.raw.close()

    def close(self) -> None:
        """Let go of the file; snapshots that are still open keep theirs until they end."""
        self.threads.close()
        for connection in self._idle:
            connection.raw.close()
        self._idle.clear()


class _Reading:
    """
    What one snapshot runs its statements on, one at a time, whoever asks for them.

    Args:
        readers: Whose connection it is.
        connection: Nobody else's until the snapshot ends.
        outer: The open one that it is inside of, of any store.
    """

    __slots__ = ("_connection", "_turn", "is_open", "outer", "readers")

    def __init__(self, readers: Readers, connection: Connection, outer: _Reading | None) -> None:
        self.readers = readers
        self.outer = outer
        self._connection = connection
        self._turn = asyncio.Lock()
        self.is_open = True

    async def end(self) -> None:
        """Refuse further statements, and wait until the one under way, if any, has ended."""
        self.is_open = False
        cancelled = None
        while self._turn.locked():
            try:
                async with self._turn:
                    break
            except asyncio.CancelledError as error:
                cancelled = error
                self._connection.raw.interrupt()
        if cancelled is not None:
            raise cancelled

    async def fetch(self, sql: str, parameters: dict[str, Any]) -> Rows:
        return await self._run(self._connection.fetch, sql, parameters)  # type: ignore[no-any-return]

    async def own(self, sql: str, parameters: Row) -> list[Row]:
        return await self._run(self._connection.own, sql, parameters)  # type: ignore[no-any-return]

    async def _run(self, run: Callable[..., Any], sql: str, parameters: Any) -> Any:
        self._check()
        if sql in self.readers.pace.quick and not self._turn.locked():
            return self._run_at_once(run, sql, parameters)
        async with self._turn:
            self._check()  # The snapshot may have ended while others had their turn.
            call = partial(run_timed, self.readers.pace, run, sql, parameters)
            return await self.readers.threads.run_unless_cancelled(
                call, self._connection.raw.interrupt
            )

    def _run_at_once(self, run: Callable[..., Any], sql: str, parameters: Any) -> Any:
        try:
            return run(sql, parameters)
        finally:
            seconds = perf_counter() - self._connection.started
            if seconds > QUICK_SECONDS:
                self.readers.pace.was_slow(sql, seconds)

    def _check(self) -> None:
        if not self.is_open or self.readers.is_inside_unit():
            message = (
                "a snapshot was used after its end, or inside a transaction. It lives as long as "
                "its 'async with store.read()'; in a transaction read with tx.fetch_…(...)."
            )
            raise TransactionClosed(message)


_held: contextvars.ContextVar[_Reading | None] = contextvars.ContextVar(
    "outgrow.held", default=None
)


def _held_here() -> _Reading | None:
    """The innermost snapshot that is open here, or was when this task was made."""
    reading = _held.get()
    while reading is not None and not reading.is_open:
        reading = reading.outer
    return reading
