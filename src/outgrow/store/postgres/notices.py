"""What the processes over one database tell each other, beside their transactions."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Collection
from contextlib import suppress
from typing import Any, Final

import asyncpg

from outgrow.clock import SystemClock
from outgrow.errors import StoreUnreachable
from outgrow.store.postgres.connection import Connection

CHANNEL: Final = "outgrow"

NOTICE_SECONDS: Final = 0.005
"""The pause between two notices, so that commits at full rate share them."""

NOTICE_BYTES_MAX: Final = 4_000
"""How much a notice names at most; one that would be longer names nothing, and means all."""

SILENCE_SECONDS: Final = 2.0
"""How long nothing is said before the server is asked whether it is there still."""

SIGN_SECONDS_MAX: Final = 5.0
"""How long it may take to say so, before the connection is given up and made anew."""

RECONNECT_SECONDS: Final = 0.05
"""The pause before a lost connection is made anew; it doubles."""

RECONNECT_SECONDS_MAX: Final = 1.0

_SEPARATOR = "\x1f"


class Notices:
    """
    Tells other processes after a commit what was committed, and hears them. Either may be lost.

    One connection beside the others, and never a transaction of the service's: a NOTIFY there
    would make all commits of the server wait for each other. While it stands it holds a lock
    under a number of its own, by which others see whether this process lives.

    Attributes:
        channel: Where in PostgreSQL they are told.
        key: The number; 0 while there is no connection.
        sent: How many notices were sent.
        heard: How many came in.
    """

    channel: Final = CHANNEL

    def __init__(self, url: str, service: str) -> None:
        self._url = url
        self._service = service
        self._clock = SystemClock()
        self._turned = asyncio.Event()
        self._said: set[str] = set()
        self._means_all = False
        self.key = 0
        self.sent = 0
        self.heard = 0

    def tell(self, topics: Collection[str]) -> None:
        """Let others know soon that something concerning *topics* was committed; none means all."""
        if not self.key:
            return
        self._means_all |= not topics
        self._said.update(topics)
        self._turned.set()

    async def run(self, hear: Callable[[frozenset[str]], object]) -> None:
        """
        Send and listen until cancelled, whatever becomes of connections.

        Args:
            hear: Called with the topics that another process told; none means all.
        """
        pause = RECONNECT_SECONDS
        while True:
            try:
                connection = await Connection.open(
                    self._url, self._service, isolation="read committed"
                )
            except (StoreUnreachable, asyncpg.PostgresError, TimeoutError):
                await self._clock.sleep(pause)
                pause = min(pause * 2, RECONNECT_SECONDS_MAX)
                continue
            pause = RECONNECT_SECONDS
            try:
                with suppress(
                    OSError,
                    TimeoutError,
                    asyncpg.PostgresError,
                    asyncpg.InterfaceError,
                    asyncpg.InternalClientError,
                ):
                    await self._serve(connection, hear)
            finally:
                self.key = 0
                connection.raw.terminate()
            await self._clock.sleep(pause)

    async def _serve(
        self, connection: Connection, hear: Callable[[frozenset[str]], object]
    ) -> None:
        raw = connection.raw

        def take(_: Any, sender: int, __: str, payload: str) -> None:
            if sender != raw.get_server_pid():
                self.heard += 1
                hear(frozenset(payload.split(_SEPARATOR)) if payload else frozenset())

        raw.add_termination_listener(lambda _: self._turned.set())
        # A notice is lost with the server anyway; so it need not wait for the disk.
        await connection.command("set synchronous_commit = off")
        number = secrets.randbits(62) + 1  # The server may not know yet that the last one is gone.
        await connection.own("select pg_advisory_lock(?)", (number,))
        await raw.add_listener(CHANNEL, take)
        self.key = number
        hear(frozenset())  # What was told meanwhile was missed.
        while not raw.is_closed():
            await self._wait_turned()
            if self._said or self._means_all:
                await connection.own("select pg_notify(?, ?)", (CHANNEL, self._take_said()))
                self.sent += 1
                await self._clock.sleep(NOTICE_SECONDS)
            else:
                async with asyncio.timeout(SIGN_SECONDS_MAX):
                    await connection.own("select 1")

    async def _wait_turned(self) -> None:
        """Wait until there is something to say, but not longer than silence may last."""
        timer = self._clock.call_at(self._clock.monotonic() + SILENCE_SECONDS, self._turned.set)
        try:
            await self._turned.wait()
        finally:
            timer.cancel()
        self._turned.clear()

    def _take_said(self) -> str:
        said, self._said = self._said, set()
        means_all, self._means_all = self._means_all, False
        text = _SEPARATOR.join(sorted(said))
        return "" if means_all or len(text.encode()) > NOTICE_BYTES_MAX else text
