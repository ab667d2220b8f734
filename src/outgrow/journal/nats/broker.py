"""The broker of processes that hear each other over NATS."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from nats.errors import Error

from outgrow.journal.broker import Broker, BrokerMaker, Carried
from outgrow.journal.messages import Source
from outgrow.journal.nats.asking import Answering
from outgrow.journal.nats.feed import Feed
from outgrow.journal.nats.relay import REFILLED_EVENTS_MAX, WINDOW_EVENTS, Relay
from outgrow.journal.nats.source import Remote
from outgrow.journal.nats.streams import (
    STREAM_BYTES_MAX,
    STREAM_MESSAGES_MAX,
    STREAM_SECONDS_MAX,
    Stream,
)
from outgrow.journal.nats.window import WINDOW_BYTES_MAX, WINDOW_MESSAGES_MAX
from outgrow.journal.nats.wire import MESSAGE_BYTES_MAX
from outgrow.nats import Connection, Line, NoAnswer, Purpose

LIMITS = {
    "stream_messages_max": STREAM_MESSAGES_MAX,
    "stream_bytes_max": STREAM_BYTES_MAX,
    "stream_seconds_max": STREAM_SECONDS_MAX,
    "message_bytes_max": MESSAGE_BYTES_MAX,
    "relay_window_messages": WINDOW_EVENTS,
    "refilled_messages_max": REFILLED_EVENTS_MAX,
    "window_messages_max": WINDOW_MESSAGES_MAX,
    "window_bytes_max": WINDOW_BYTES_MAX,
}


async def _check(connection: Connection) -> None:
    """Raise unless the server has JetStream, and takes messages as large as events are."""
    if connection.payload_bytes_max < MESSAGE_BYTES_MAX:
        raise Error(
            f"it takes messages of at most {connection.payload_bytes_max} bytes, and an event may "
            f"need {MESSAGE_BYTES_MAX}; set max_payload in its configuration"
        )
    try:
        await connection.ask_server("INFO")
    except NoAnswer as error:
        raise NoAnswer("it runs without JetStream; start it with -js") from error


EVENTS = Purpose(
    check=_check,
    without="Calls are answered and events are recorded; they reach handlers in other processes "
    "when it is back.",
    back="events between processes flow",
)


class NatsBroker:
    """
    One process's share in the events of an application whose services are in several processes.

    Publishes what the hosted services record, answers for their journals, and follows the services
    that are listened to. Lives until the end of its block; never fails because of the server.
    """

    def __init__(self, carried: Carried, line: Line, group: asyncio.TaskGroup) -> None:
        self._carried = carried
        self._line = line
        self._group = group
        self._tasks: list[asyncio.Task[None]] = []
        self._relays: dict[str, Relay] = {}
        self._remotes: dict[str, Remote] = {}

    def start(self) -> None:
        """Begin to connect, and to publish and answer for what is hosted here."""
        self._run(self._line.run())
        for service, journal in self._carried.journals.items():
            types = self._carried.events.get(service)
            if types:
                relay = Relay(
                    journal,
                    types,
                    self._stream(service),
                    self._line,
                    former=self._carried.former,
                )
                answering = Answering(journal, types, self._stream(service), self._line, relay)
                self._relays[service] = relay
                self._run(relay.run())
                self._run(answering.run())

    def stop(self) -> None:
        """End at once; what is not published now will be after the next start."""
        for task in self._tasks:
            task.cancel()

    def source(self, service: str) -> Source | None:
        carried = self._carried
        if service in carried.events or service in carried.journals:
            return carried.journals.get(service)
        if service not in carried.services:
            return None
        if service not in self._remotes:
            feed = Feed(self._stream(service), self._line)
            self._remotes[service] = Remote(service, feed, self._line, carried.since)
            self._run(feed.run())
        return self._remotes[service]

    async def statistics(self) -> dict[str, Any]:
        ends = {name: await self._carried.journals[name].end() for name in self._relays}
        return {
            "broker": self._line.statistics(),
            "relays": {name: relay.statistics(ends[name]) for name, relay in self._relays.items()},
            "feeds": {name: remote.statistics() for name, remote in self._remotes.items()},
            "limits": LIMITS,
        }

    def _stream(self, service: str) -> Stream:
        carried = self._carried
        return Stream(carried.application, carried.environment, service, carried.installation)

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        self._tasks.append(self._group.create_task(work))


def nats_broker(url: str) -> BrokerMaker:
    """
    What carries events over the NATS server at *url*, with JetStream.

    The server may be unreachable when the broker is opened, and later: then events wait in their
    journals, and the log says so.
    """

    @asynccontextmanager
    async def opened(carried: Carried) -> AsyncIterator[Broker]:
        line = Line(url, f"{carried.application}.{carried.environment}", EVENTS)
        failure: Exception | None = None
        async with asyncio.TaskGroup() as group:
            broker = NatsBroker(carried, line, group)
            broker.start()
            try:
                yield broker
            except Exception as error:  # noqa: BLE001 - raised below: a group would wrap it
                failure = error
            finally:
                broker.stop()
        if failure is not None:
            raise failure

    def make(carried: Carried) -> AbstractAsyncContextManager[Broker]:
        return opened(carried)

    return make
