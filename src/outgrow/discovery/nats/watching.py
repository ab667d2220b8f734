"""Follows what the bucket tells of the services that somebody in this process asked for."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Final

from nats.aio.msg import Msg

from outgrow.discovery.directory import Endpoint
from outgrow.discovery.nats.bucket import Bucket, pause
from outgrow.discovery.nats.watched import Watched
from outgrow.nats import Connection, Line, Lost, NoAnswer, Refused

READ_AGAIN_SECONDS: Final = 60.0
"""How often what is watched is read again, in case that something that was told got lost."""

TRY_AGAIN_SECONDS: Final = 0.5
"""When what could not be read is tried again."""

_log = logging.getLogger("outgrow.discovery.nats")

Take = Callable[[Msg], Awaitable[None]]


class Watching:
    """
    Listens for each service that is watched, and for no other.

    First it listens, then it reads, so that nothing is missed in between. What is told after that
    comes by itself. Over a new connection all is read anew.

    Args:
        known: What is taken for the last good answer before there is one.
    """

    def __init__(self, bucket: Bucket, line: Line, known: Iterable[Endpoint]) -> None:
        self._bucket = bucket
        self._line = line
        self._known: dict[str, list[Endpoint]] = {}
        for endpoint in known:
            self._known.setdefault(endpoint.service, []).append(endpoint)
        self._watched: dict[str, Watched] = {}
        self._unread: set[str] = set()
        self._turned = asyncio.Event()
        self._said = ""
        self.reads = 0
        line.watch(self._turn)

    def of(self, service: str) -> Watched:
        """What is known of *service*."""
        if service not in self._watched:
            self._watched[service] = Watched(
                service, self._known.pop(service, ()), self._line.clock, self._bucket.lease_seconds
            )
        return self._watched[service]

    def join(self, watched: Watched) -> None:
        """One more wants to be told of changes."""
        if not watched.watchers:
            watched.stale()  # Nobody may have listened since it was read.
            self._unread.add(watched.service)
        watched.watchers += 1
        self._turned.set()

    def part(self, watched: Watched) -> None:
        """One fewer wants it; nobody listens for the last."""
        watched.watchers -= 1
        self._turned.set()

    async def run(self) -> None:
        """Follow until cancelled."""
        while True:
            connection = await self._line.connected()
            try:
                await self._follow(connection)
            except Lost:
                await self._line.clock.sleep(0.0)
            except Exception:  # noqa: BLE001 - a border: what was known last is still good
                _log.exception("%s: following the directory was interrupted", self._bucket.name)
                await self._line.clock.sleep(TRY_AGAIN_SECONDS)

    async def read(self, connection: Connection, watched: Watched) -> None:
        """
        Ask the bucket what it says of one service.

        Raises:
            Lost: The connection ended.
            NoAnswer: The server said nothing in time, or there is no bucket.
            Refused: It said no.
        """
        self.reads += 1
        watched.begin()
        watched.snapshot(await self._bucket.read(connection, watched.service))

    def close(self) -> None:
        """Let go of what waits."""
        for watched in self._watched.values():
            watched.close()

    async def _follow(self, connection: Connection) -> None:
        ends: dict[str, Callable[[], Awaitable[None]]] = {}
        self._unread.update(name for name, one in self._watched.items() if one.watchers)
        while True:
            self._turned.clear()
            connection.check()
            for watched in list(self._watched.values()):
                service = watched.service
                if watched.watchers and service not in ends:
                    ends[service] = await self._listen(connection, watched)
                elif not watched.watchers and service in ends:
                    await ends.pop(service)()
                    self._unread.discard(service)
                    watched.part()
            await self._read_unread(connection)
            seconds = READ_AGAIN_SECONDS * random.uniform(0.75, 1.25)  # noqa: S311 - no secret
            if not await pause(self._turned, TRY_AGAIN_SECONDS if self._unread else seconds):
                self._unread.update(ends)

    async def _listen(
        self, connection: Connection, watched: Watched
    ) -> Callable[[], Awaitable[None]]:
        async def take(message: Msg) -> None:
            entry = self._bucket.entry_of(message)
            if entry is not None and not watched.take(entry):
                self._unread.add(watched.service)
                self._turned.set()

        return await connection.subscribe(self._bucket.told_of(watched.service), take)

    async def _read_unread(self, connection: Connection) -> None:
        """Read all that has to be read, at once."""
        async with asyncio.TaskGroup() as tasks:
            for service in sorted(self._unread):
                tasks.create_task(self._try_read(connection, self._watched[service]))

    async def _try_read(self, connection: Connection, watched: Watched) -> None:
        try:
            await self.read(connection, watched)
        except Lost:
            return  # It is seen by the next look at the connection.
        except (NoAnswer, Refused) as error:
            watched.stale()
            self._say(f"{watched.service} cannot be looked up: {error}")
        else:
            self._said = ""
            self._unread.discard(watched.service)

    def _say(self, text: str) -> None:
        if text != self._said:
            self._said = text
            _log.warning("%s: %s. What was known last is taken.", self._bucket.name, text)

    def _turn(self) -> None:
        """The connection was made or lost."""
        if self._line.connection is None:
            for watched in self._watched.values():
                watched.stale()
        self._turned.set()

    def statistics(self) -> dict[str, Any]:
        """What is watched."""
        return {name: one.statistics() for name, one in self._watched.items()}
