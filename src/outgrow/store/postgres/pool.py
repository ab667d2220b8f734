"""The connections of one service, each of them used by one unit or snapshot at a time."""

from __future__ import annotations

import asyncio
from collections import deque

from outgrow.errors import StoreError
from outgrow.store.postgres.connection import Connection


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
            connection = await Connection.open(self._url, self._service)
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
