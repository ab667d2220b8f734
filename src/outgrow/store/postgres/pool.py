"""The connections of one service, each of them used by one unit or snapshot at a time."""

from __future__ import annotations

import asyncio
import logging
import random
from collections import deque
from typing import Final

import asyncpg

from outgrow.errors import StoreError, StoreUnreachable
from outgrow.store.postgres.connection import AWAY, CONNECT_SECONDS_MAX, Connection, shown

POSITIONS_SKIPPED: Final = 1_000_000
"""More than a standby may lack; as after a restore."""

SERVER: Final = "server"
"""The note of the server that wrote last."""

_TIMELINE: Final = "left(pg_walfile_name(pg_current_wal_lsn()), 8)"
_SERVERS: Final = (
    f"select system_identifier::text || '/' || {_TIMELINE} from pg_control_system()",  # noqa: S608 - ours
    f"select {_TIMELINE}",  # To a role that may not look into the first.
)
_IS_ANOTHER: Final = (
    "select value, to_regclass('outgrow_journal') is not null from outgrow_meta "
    "where name = ? and value <> ?"
)
_GO_ON: Final = """
with another as (
    update outgrow_meta set value = ? where name = ? and value = ? returning name
), journal as (
    select pg_get_serial_sequence('outgrow_journal', 'position')::regclass as positions,
        (select coalesce(max(position), 0) from outgrow_journal) as last
)
select setval(positions, greatest(coalesce(pg_sequence_last_value(positions), 0), last) + ?)
from another, journal
"""

_log = logging.getLogger("outgrow.store")


async def server_of(connection: Connection) -> str | None:
    """Which server it is and how often one took over from another; None if it does not say."""
    for sql in _SERVERS:
        try:
            ((server,),) = await connection.own(sql)
        except AWAY:
            raise
        except asyncpg.PostgresError:
            continue
        return str(server)
    return None


async def go_on_behind(connection: Connection, server: str | None, place: str) -> None:
    """
    If *server* is not the one that wrote last, let positions go on behind all that it may lack.

    A standby that took over may lack the newest rows, although others have heard them; who gave
    their positions again would let new events be taken for those.
    """
    if server is None:
        return
    for before, has_journal in await connection.own(_IS_ANOTHER, (SERVER, server)):
        if has_journal and await connection.own(
            _GO_ON, (server, SERVER, before, POSITIONS_SKIPPED)
        ):
            _log.warning(
                "%s: another server wrote last (%s, and this is %s), so positions go on %d "
                "further. What this one lacks is lost, unless the other is brought back",
                place,
                before,
                server,
                POSITIONS_SKIPPED,
            )


async def connect(url: str, service: str) -> Connection:
    """
    A connection for units of work, to a server that gives no position for the second time.

    Raises:
        StoreUnreachable: The server does not answer, or is just being replaced.
    """
    connection = await Connection.open(url, service)
    try:
        async with asyncio.timeout(CONNECT_SECONDS_MAX):
            await go_on_behind(connection, await server_of(connection), shown(url))
    except asyncpg.UndefinedTableError:
        pass  # The store was removed; the first statement tells it.
    except (*AWAY, asyncpg.SerializationError) as error:
        connection.raw.terminate()
        raise StoreUnreachable(shown(url), f"{type(error).__name__}: {error}") from error
    except BaseException:
        connection.raw.terminate()
        raise
    return connection


CONFLICT_PAUSE_SECONDS_MAX: Final = 0.05
RECONNECT_SECONDS_MAX: Final = 10.0
"""How long units try again that find the server away."""

RECONNECT_PAUSE_SECONDS_MAX: Final = 0.5


class Pool:
    """
    At most *size* connections; who finds none free waits, first come first served.

    Attributes:
        opened: How many connections were made since the start.
    """

    def __init__(self, url: str, service: str, size: int) -> None:
        self._url = url
        self._service = service
        self._size = size
        self._count = 0
        self._idle: list[Connection] = []
        self._waiting: deque[asyncio.Future[Connection | None]] = deque()
        self._is_closed = False
        self.opened = 0

    @property
    def in_use(self) -> int:
        """How many are used now."""
        return self._count - len(self._idle)

    @property
    def has_idle(self) -> bool:
        """Whether one can be had without waiting."""
        return bool(self._idle)

    @property
    def waiting(self) -> int:
        """How many wait for one."""
        return len(self._waiting)

    async def acquire(self) -> Connection:
        """
        A connection that nobody else uses until it is given back.

        Raises:
            StoreUnreachable: The server does not answer.
        """
        while True:
            self._check_open()
            connection = self._take_idle()
            if connection is not None:
                return connection
            if self._count < self._size:
                return await self._open()
            connection = await self._wait()
            if connection is not None:
                return connection

    def give_back(self, connection: Connection) -> None:
        """Let others use *connection*; one that is lost is forgotten."""
        if not connection.is_open or self._is_closed:
            self.discard(connection)
            return
        if not self._wake(connection):
            self._idle.append(connection)

    def discard(self, connection: Connection) -> None:
        """Forget *connection*, whose state nobody knows."""
        connection.raw.terminate()
        self._count -= 1
        self._wake(None)

    async def close(self) -> None:
        """End those that are not used now; the others end when they are given back."""
        self._is_closed = True
        while self._waiting:
            self._wake(None)
        while self._idle:
            self._count -= 1
            await self._idle.pop().close()

    def _check_open(self) -> None:
        if self._is_closed:
            message = "the store is closed. Its service has stopped, or its 'async with' has ended."
            raise StoreError(message)

    def _take_idle(self) -> Connection | None:
        while self._idle:
            connection = self._idle.pop()
            if connection.is_open:
                return connection
            self._count -= 1
        return None

    async def _open(self) -> Connection:
        self._count += 1
        try:
            connection = await connect(self._url, self._service)
        except BaseException:
            self._count -= 1
            self._wake(None)
            raise
        self.opened += 1
        return connection

    async def _wait(self) -> Connection | None:
        turn: asyncio.Future[Connection | None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            return await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                connection = turn.result()
                if connection is not None:
                    self.give_back(connection)
                else:
                    self._wake(None)
            raise

    def _wake(self, connection: Connection | None) -> bool:
        """Hand *connection*, or the right to make one, to who waits longest."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(connection)
                return True
        return False


async def pause(runs: int, *, is_away: bool) -> None:
    """Let others go first: the longer, the more often it was in vain, and never in step."""
    longest = RECONNECT_PAUSE_SECONDS_MAX if is_away else CONFLICT_PAUSE_SECONDS_MAX
    seconds = random.uniform(0, min(longest, 0.001 * 2 ** min(runs, 12)))  # noqa: S311 - not secret
    loop = asyncio.get_running_loop()
    done = loop.create_future()
    timer = loop.call_later(seconds, _end, done)
    try:
        await done
    finally:
        timer.cancel()


def _end(pause: asyncio.Future[None]) -> None:
    if not pause.done():
        pause.set_result(None)
