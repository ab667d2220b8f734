"""The line to the NATS server: connected whenever it can be."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

from nats.errors import Error

from outgrow.clock import SystemClock
from outgrow.nats.connection import Connection, Lost, NoAnswer, Refused
from outgrow.nats.secrets import without_secrets

PAUSE_SECONDS: Final = 0.02
"""The pause after the first trial to connect that failed; it doubles."""

TRIALS_IN_SILENCE: Final = 3
"""How many trials may fail before the log says so: a server that is started again needs a few."""

PAUSE_SECONDS_MAX: Final = 0.5
"""The longest pause between trials to connect."""

LOOK_SECONDS: Final = 0.5
"""How often the connection is looked at, in case that its loss was not told."""

_log = logging.getLogger("outgrow.nats")


@dataclass(frozen=True, slots=True, kw_only=True)
class Purpose:
    """
    What a line is for, as its log says it.

    Attributes:
        check: Raises unless the server can be used for it.
        without: What holds while there is no connection; a sentence.
        back: What the log says when there is one again, without a full stop.
    """

    check: Callable[[Connection], Awaitable[None]]
    without: str
    back: str


class Line:
    """
    Keeps one connection to the server, and makes another one when it is lost, without end.

    Lives as long as its broker. Waits by the system's clock: the application's may stand still.

    Attributes:
        place: Where the server is, without what is secret in the URL.
        connection: The connection; None while there is none.
        connections: How many were made.
        is_away: Whether there is none, although one was made before or at least tried.
    """

    def __init__(self, url: str, name: str, purpose: Purpose) -> None:
        self._url = url
        self._name = name
        self._purpose = purpose
        self.place, _ = without_secrets(url)
        self.clock = SystemClock()
        self.connection: Connection | None = None
        self.connections = 0
        self.is_away = False
        self._connected = asyncio.Event()
        self._ended = asyncio.Event()
        self._listeners: list[Callable[[], object]] = []
        self._said = ""

    def watch(self, wake: Callable[[], object]) -> None:
        """Call *wake* whenever the connection is made or lost, and if the first trial failed."""
        self._listeners.append(wake)

    async def connected(self) -> Connection:
        """Wait for a connection."""
        while self.connection is None:
            await self._connected.wait()
        return self.connection

    async def run(self) -> None:
        """Connect, again and again, until cancelled."""
        pause, failed = PAUSE_SECONDS, 0
        while True:
            self._ended.clear()
            connection = Connection(self._ended.set)
            try:
                await connection.open(self._url, self._name)
                await self._purpose.check(connection)
            except (OSError, ValueError, Error, TimeoutError, Lost, NoAnswer, Refused) as error:
                failed += 1
                if failed > TRIALS_IN_SILENCE:
                    self._say(str(error) or type(error).__name__)
                if not self.is_away:
                    self._lost()
                await connection.close()
                await self.clock.sleep(pause)
                pause = min(pause * 2, PAUSE_SECONDS_MAX)
                continue
            except BaseException:
                await connection.close()
                raise
            pause, failed = PAUSE_SECONDS, 0
            try:
                self._made(connection)
                await self._until_lost(connection)
            finally:
                self._lost()
                await connection.close()

    async def _until_lost(self, connection: Connection) -> None:
        while not connection.is_lost:
            timer = self.clock.call_at(self.clock.monotonic() + LOOK_SECONDS, self._ended.set)
            try:
                await self._ended.wait()
            finally:
                timer.cancel()
            self._ended.clear()
            try:
                connection.check()
            except Lost:
                return

    def _made(self, connection: Connection) -> None:
        self.connection = connection
        self.connections += 1
        self.is_away = False
        self._connected.set()
        if self._said:
            _log.info("%s: the NATS server is reached; %s", self.place, self._purpose.back)
            self._said = ""
        self._tell()

    def _lost(self) -> None:
        self.connection = None
        self.is_away = True
        self._connected.clear()
        self._tell()

    def _tell(self) -> None:
        for wake in self._listeners:
            wake()

    def _say(self, reason: str) -> None:
        """Say once what is wrong, and again only if it is something else."""
        if reason == self._said:
            return
        self._said = reason
        _log.warning(
            "%s: the NATS server cannot be used: %s. %s It is tried again at least every %s s. "
            "Is it running, with JetStream, at this address?",
            self.place,
            reason,
            self._purpose.without,
            PAUSE_SECONDS_MAX,
        )

    def statistics(self) -> dict[str, Any]:
        """Whether it is connected, and how often it was."""
        return {
            "place": self.place,
            "is_connected": self.connection is not None,
            "connections": self.connections,
        }
