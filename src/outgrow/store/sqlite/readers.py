"""Readers of an SQLite file, which neither wait for the writer nor make it wait."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from time import perf_counter
from typing import Any, Final

from outgrow.errors import (
    SnapshotExpired,
    StatementInterrupted,
    StatementRefused,
    TransactionClosed,
)
from outgrow.store.pace import QUICK_SECONDS, Pace
from outgrow.store.session import Row, Rows
from outgrow.store.sqlite.connection import STATEMENT_SECONDS_MAX, Connection
from outgrow.store.sqlite.handing import Aside, handing
from outgrow.store.sqlite.units import run_timed
from outgrow.store.threads import Threads
from outgrow.store.transaction import Snapshot

SNAPSHOTS_MAX = 64
SNAPSHOTS_INSIDE_MAX = 128
SNAPSHOT_SECONDS_MAX = 30.0
CONNECTIONS_KEPT = 4
READER_THREADS = 4


_ASIDE: Final = Aside()


class Readers:
    """
    The connections that read.

    Args:
        connect: Makes another connection.
        is_inside_unit: Whether the code that runs now is a unit of work's.

    Attributes:
        on_end: Called when the last snapshot that was open has ended.
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
        self._open: dict[_Reading, float] = {}
        self._snapshots = 0
        self._expired = 0
        self.on_end: Callable[[], None] = _do_nothing

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[Snapshot]:
        """
        A snapshot; there are at most `SNAPSHOTS_MAX` at once, others wait.

        After `SNAPSHOT_SECONDS_MAX` it is ended, since the log grows as long as one is open.
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
            self._snapshots += 1
            self._open[reading] = perf_counter()
            connection.own("begin")
            try:
                yield Snapshot(reading)
            finally:
                try:
                    await reading.end()
                finally:
                    del self._open[reading]
                    self._put_back(connection)
                    if not self._open:
                        self.on_end()

    def end_old(self, *, is_log_too_large: bool) -> None:
        """
        End the snapshots that are open for too long.

        Args:
            is_log_too_large: Then the time of one statement is long enough.
        """
        limit = STATEMENT_SECONDS_MAX if is_log_too_large else SNAPSHOT_SECONDS_MAX
        for reading in list(self._open):
            self.is_over(reading, limit)

    def is_over(self, reading: _Reading, limit: float) -> bool:
        """Whether *reading* is open longer than *limit*; it is ended then."""
        began = self._open.get(reading)
        seconds = 0.0 if began is None else perf_counter() - began
        if seconds <= limit:
            return False
        if reading.expired is None:
            self._expired += 1
            reading.expire(seconds, limit)
        return True

    def statistics(self) -> dict[str, float]:
        """What is open, and the limits."""
        oldest = next(iter(self._open.values()), None)
        return {
            "snapshots": self._snapshots,
            "snapshots_open": len(self._open),
            "snapshots_open_max": SNAPSHOTS_MAX,
            "snapshots_expired": self._expired,
            "snapshot_oldest_seconds": 0.0 if oldest is None else perf_counter() - oldest,
            "snapshot_seconds_max": SNAPSHOT_SECONDS_MAX,
        }

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
        if connection.raw.in_transaction:
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

    Attributes:
        is_open: Whether its block has yet to end.
        expired: Why it was ended before that.
    """

    __slots__ = ("_connection", "_turn", "expired", "is_open", "outer", "readers")

    dialect: Final = "sqlite"

    def __init__(self, readers: Readers, connection: Connection, outer: _Reading | None) -> None:
        self.readers = readers
        self.outer = outer
        self._connection = connection
        self._turn = asyncio.Lock()
        self.is_open = True
        self.expired: str | None = None

    def expire(self, seconds: float, limit: float) -> None:
        """End it now, and interrupt the statement that is under way."""
        self.expired = (
            f"a snapshot was open for {seconds:.1f} s and was ended: {limit:g} s are allowed, or "
            f"{STATEMENT_SECONDS_MAX:g} s while the log is too large, which grows as long as one "
            "is open. Read less in one, read in several, or read a backup."
        )
        if self._turn.locked():
            self._connection.raw.interrupt()
        else:
            self._let_go()

    def _let_go(self) -> None:
        if self._connection.raw.in_transaction:
            self._connection.own("rollback")

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

    async def run(
        self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        name, call = handing(self._connection, function, args, kwargs)
        return await self._run_aside(_ASIDE, call, name, None)

    async def _run(self, run: Callable[..., Any], sql: str, parameters: Any) -> Any:
        self._check()
        pace = self.readers.pace
        if not self._turn.locked():
            if sql in pace.quick:
                return self._run_at_once(run, sql, parameters)
            if sql in pace.watched:
                return pace.watch(run, sql, parameters)
        return await self._run_aside(self.readers.pace, run, sql, parameters)

    async def _run_aside(
        self, pace: Pace, run: Callable[..., Any], sql: str, parameters: Any
    ) -> Any:
        async with self._turn:
            call = partial(run_timed, pace, run, sql, parameters)
            try:
                self._check()  # The snapshot may have ended while others had their turn.
                return await self.readers.threads.run_unless_cancelled(
                    call, self._connection.raw.interrupt
                )
            except StatementInterrupted:
                if self.expired is not None:
                    raise SnapshotExpired(self.expired) from None
                raise
            finally:
                if self.expired is not None:
                    self._let_go()

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
        if self.expired is not None or self.readers.is_over(self, SNAPSHOT_SECONDS_MAX):
            raise SnapshotExpired(self.expired)


def _do_nothing() -> None:
    pass


_held: contextvars.ContextVar[_Reading | None] = contextvars.ContextVar(
    "outgrow.held", default=None
)


def _held_here() -> _Reading | None:
    """The innermost snapshot that is open here, or was when this task was made."""
    reading = _held.get()
    while reading is not None and not reading.is_open:
        reading = reading.outer
    return reading
