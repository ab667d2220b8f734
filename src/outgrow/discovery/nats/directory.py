"""The directory over NATS: what a process registers, and what it asks and watches."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Coroutine, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

from nats.errors import Error

from outgrow.discovery.directory import Endpoint, Resolution
from outgrow.discovery.nats.bucket import (
    ANSWER_SECONDS_MAX,
    BUCKET_BYTES_MAX,
    ENDPOINT_BYTES_MAX,
    LEASE_SECONDS,
    TOMBSTONE_SECONDS,
    Bucket,
)
from outgrow.discovery.nats.looking import Looking
from outgrow.discovery.nats.registration import Registration
from outgrow.discovery.nats.watched import Waking
from outgrow.discovery.nats.watching import Watching
from outgrow.nats import Connection, Line, Lost, NoAnswer, Purpose, Refused

LIMITS = {
    "lease_seconds": LEASE_SECONDS,
    "tombstone_seconds": TOMBSTONE_SECONDS,
    "bucket_bytes_max": BUCKET_BYTES_MAX,
    "endpoint_bytes_max": ENDPOINT_BYTES_MAX,
    "answer_seconds_max": ANSWER_SECONDS_MAX,
}

_log = logging.getLogger("outgrow.discovery.nats")


class NatsDirectory:
    """
    The directory of one environment, as one process uses it. Lives until the end of its block.

    Hears only of the services that somebody here asked for. While the server is away, everybody
    keeps what they knew last; nothing runs out meanwhile, and everything has a full lease when it
    is back.
    """

    def __init__(
        self, bucket: Bucket, line: Line, group: asyncio.TaskGroup, known: Iterable[Endpoint] = ()
    ) -> None:
        self._bucket = bucket
        self._line = line
        self._group = group
        self._own = Registration(bucket)
        self._watching = Watching(bucket, line, known)
        self._looking = Looking(bucket, line)
        self._connected = asyncio.Event()
        self._said = ""
        self._tasks: list[asyncio.Task[None]] = []
        line.watch(self._connected.set)

    def start(self) -> None:
        """Begin to connect."""
        for work in (self._line, self._watching, self._looking):
            self._run(work.run())
        self._run(self._return())

    def stop(self) -> None:
        """End at once; what is registered stays until its lease has run out."""
        for task in self._tasks:
            task.cancel()
        self._watching.close()

    async def register(self, endpoints: Sequence[Endpoint]) -> None:
        self._own.wanted = tuple(endpoints)
        await self._bring()

    async def renew(self) -> None:
        await self._bring()

    async def leave(self) -> None:
        self._own.wanted = ()
        await self._bring()

    async def resolve(self, service: str) -> Resolution:
        watched = self._watching.of(service)
        if not (watched.watchers and watched.is_current):
            try:
                async with asyncio.timeout(ANSWER_SECONDS_MAX):
                    await self._watching.read(await self._connection(), watched)
            except (TimeoutError, Lost, NoAnswer, Refused):
                watched.stale()
        return watched.resolution()

    async def watch(self, service: str) -> AsyncIterator[Resolution]:
        watched = self._watching.of(service)
        waking = Waking(watched)
        self._watching.join(watched)
        try:
            with suppress(TimeoutError):  # What was known last, then.
                async with asyncio.timeout(ANSWER_SECONDS_MAX):
                    while not watched.is_current and not self._line.is_away:
                        await waking.wait()
            told: Resolution | None = None
            while True:
                now = watched.resolution()
                if now != told:
                    told = now
                    yield told
                await waking.wait()
        finally:
            waking.close()
            self._watching.part(watched)

    def statistics(self) -> dict[str, Any]:
        """The connection, what is registered and watched, and the limits."""
        return {
            "line": self._line.statistics(),
            "registered": self._own.statistics(),
            "watched": self._watching.statistics(),
            "looking": self._looking.statistics(),
            "limits": LIMITS | {"lease_seconds": self._bucket.lease_seconds},
        }

    async def _return(self) -> None:
        """Say again what stands here, whenever the connection was made anew."""
        while True:
            await self._connected.wait()
            self._connected.clear()
            if self._line.connection is not None and (self._own.wanted or not self._own.is_done):
                await self._bring()

    async def _connection(self) -> Connection:
        """
        The first connection, which is waited for while it is tried, or a later one.

        Raises:
            Lost: There is none. What is wanted is done when it is made again.
        """
        if self._line.is_away:
            raise Lost
        return await self._line.connected()

    async def _bring(self) -> None:
        """Let the bucket say of this process what it should; if it is away, when it is back."""
        try:
            async with asyncio.timeout(ANSWER_SECONDS_MAX):
                connection = await self._connection()
                try:
                    await self._own.bring(connection)
                except NoAnswer:
                    # Somebody has deleted the bucket.
                    await self._bucket.declare(connection)
                    await self._own.bring(connection)
        except (TimeoutError, Lost):
            pass
        except (NoAnswer, Refused, Error) as error:
            self._say(f"what this process offers cannot be registered: {error}")
        else:
            self._said = ""

    def _say(self, text: str) -> None:
        if text != self._said:
            self._said = text
            _log.error("%s: %s. It is tried again.", self._bucket.name, text)

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        self._tasks.append(self._group.create_task(work))


@asynccontextmanager
async def nats_directory(
    url: str,
    application: str,
    environment: str,
    *,
    known: Iterable[Endpoint] = (),
    lease_seconds: int = LEASE_SECONDS,
) -> AsyncIterator[NatsDirectory]:
    """
    The directory of an application's *environment* on the NATS server at *url*, with JetStream.

    The server may be unreachable when it is opened, and later: then the log says so, and what is
    registered is as soon as it is there.

    Args:
        known: What is taken for the last good answer before there is one.
        lease_seconds: How long a process is found that says nothing any more; at least one.
    """
    bucket = Bucket(application, environment, lease_seconds=lease_seconds)
    purpose = Purpose(
        check=bucket.declare,
        without="Processes call each other where they were last; none is taken out of the "
        "directory meanwhile, and none comes in.",
        back="the directory is asked again",
    )
    line = Line(url, f"{application}.{environment}.directory", purpose)
    failure: Exception | None = None
    async with asyncio.TaskGroup() as group:
        directory = NatsDirectory(bucket, line, group, known)
        directory.start()
        try:
            yield directory
        except Exception as error:  # noqa: BLE001 - raised below: a group would wrap it
            failure = error
        finally:
            directory.stop()
    if failure is not None:
        raise failure
