"""What other processes publish of one service, as it comes in: once for all handlers here."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection
from typing import Any, Final

import msgspec
from nats.aio.msg import Msg

from outgrow import crash
from outgrow.journal.nats.streams import Stream, StreamOfAnother
from outgrow.journal.nats.window import Window
from outgrow.journal.nats.wire import decode_wire
from outgrow.nats import STATUS, Connection, Line, Lost, NoAnswer, Refused

PULLED_MESSAGES: Final = 512
"""How many events are asked for at once."""

PULLED_BYTES: Final = 4 * 1024 * 1024
"""How much that may be."""

PULL_SECONDS: Final = 2.0
"""How long the server waits for them."""

SILENCE_SECONDS_MAX: Final = 2.0
"""How much longer the server may be silent before the stream is opened again."""

CONSUMER_SECONDS: Final = 30
"""When the server forgets a consumer that nobody asks for anything."""

OPEN_SECONDS: Final = 0.01
"""The pause before a stream that is not there is looked for again; it doubles."""

OPEN_SECONDS_MAX: Final = 1.0
"""The longest such pause."""

ENDS = ("Message Size Exceeds MaxBytes", "Batch Completed")
"""How the server says that a request with a limit in bytes has been served."""

_log = logging.getLogger("outgrow.journal.nats")


class Reopen(Exception):
    """The stream must be opened again."""


class Feed:
    """
    Follows the stream of one service from its end, and wakes those who wait for events.

    What comes in stands in a window. It begins where the stream ended when it was opened, and
    whoever is behind that reads elsewhere until they have caught up. If the fastest reader is far
    behind, nothing more is fetched. A hole (lost, or never published) begins the window anew, so
    that nobody reads over it.

    Lives as long as its broker; one task runs it.

    Attributes:
        is_open: Whether what is published comes in now.
        is_wanting: Somebody was not given what may be there: they are woken at the next turn.
        types: The types of events of which the stream leaves out none.
    """

    def __init__(self, stream: Stream, line: Line) -> None:
        self.stream = stream
        self.window = Window()
        self.is_wanting = False
        self.is_open = False
        self.types: frozenset[str] = frozenset()
        self._line = line
        self._clock = line.clock
        self._watchers: list[tuple[frozenset[str], Callable[[], object]]] = []
        self._turned = asyncio.Event()
        self._changed = asyncio.Event()
        self._furthest = 0
        self._wanted = 0
        self._heard_at = 0.0
        self._broken = ""
        self._said = ""
        self.received = 0
        self.opened = 0
        line.watch(self._turned.set)

    def watch(self, types: Collection[str], wake: Callable[[], object]) -> None:
        """Call *wake* when one of *types* came in, or there may be something to read."""
        self._watchers.append((frozenset(types), wake))

    def reached(self, position: int) -> None:
        """A reader has come as far as *position*."""
        if position > self._furthest:
            self._furthest = position
            if self._wanted <= PULLED_MESSAGES // 2:
                self._turned.set()

    async def wait_change(self, seconds: float) -> None:
        """Wait until something came in, but not longer than *seconds*."""
        self._changed.clear()
        timer = self._clock.call_at(self._clock.monotonic() + seconds, self._changed.set)
        try:
            await self._changed.wait()
        finally:
            timer.cancel()

    async def run(self) -> None:
        """Follow until cancelled."""
        pause = OPEN_SECONDS
        while True:
            connection = await self._line.connected()
            opened = self.opened
            try:
                await self._follow(connection)
            except Lost:
                await self._clock.sleep(0.0)
                continue
            except (Reopen, NoAnswer, Refused) as error:
                _log.debug("%s: opening the stream again: %s", self.stream.name, error)
            except StreamOfAnother as error:
                if str(error) != self._said:
                    self._said = str(error)
                    _log.error("%s: events cannot be read: %s", self.stream.name, error)
            except Exception:  # noqa: BLE001 - the relay is a border: what it cannot do now it tries again later
                _log.exception("%s: reading the stream was interrupted", self.stream.name)
            finally:
                self.is_open = False
            pause = OPEN_SECONDS if self.opened > opened else min(pause * 2, OPEN_SECONDS_MAX)
            self._wake_all()
            await self._clock.sleep(pause)

    def statistics(self) -> dict[str, Any]:
        """Counts since the start."""
        return {
            "stream": self.stream.name,
            "received": self.received,
            "opened": self.opened,
            "window_messages": len(self.window),
            "window_bytes": self.window.payload_bytes,
            "position": self.window.tail,
        }

    async def _follow(self, connection: Connection) -> None:
        next_subject = await self._open(connection)
        inbox = connection.new_inbox()
        end = await connection.subscribe(inbox, self._take)
        try:
            while True:
                connection.check()
                if self._broken:
                    raise Reopen(self._broken)
                await self._pull(connection, next_subject, inbox)
                self._turned.clear()
                if self.is_wanting or not self._has_room():
                    self._wake_all()
                await self._turn()
        finally:
            await end()

    async def _open(self, connection: Connection) -> str:
        """Make a consumer at the stream's end, and begin the window there; where to ask it."""
        held = await self.stream.held(connection)
        if held is None:
            raise Reopen("it is not there")
        self.window.begin(held.last.position if held.last else None)
        self.types = held.types
        made = await connection.ask_server(
            f"CONSUMER.CREATE.{self.stream.name}",
            stream_name=self.stream.name,
            config={
                "deliver_policy": "by_start_sequence",
                "opt_start_seq": held.last_sequence + 1,
                "ack_policy": "none",
                "inactive_threshold": CONSUMER_SECONDS * 1_000_000_000,
                "mem_storage": True,
                "num_replicas": 1,
            },
        )
        self._wanted = 0
        self._broken = self._said = ""
        self._heard_at = self._clock.monotonic()
        self.opened += 1
        self.is_open = True
        self._wake_all()
        return f"$JS.API.CONSUMER.MSG.NEXT.{self.stream.name}.{made['name']}"

    async def _pull(self, connection: Connection, subject: str, inbox: str) -> None:
        """Ask for more, if there is room and little is under way."""
        now = self._clock.monotonic()
        if self._wanted > PULLED_MESSAGES // 2:
            if now > self._heard_at + PULL_SECONDS + SILENCE_SECONDS_MAX:
                raise Reopen("the server is silent")
        elif self._has_room():
            request = {
                "batch": PULLED_MESSAGES,
                "max_bytes": PULLED_BYTES,
                "expires": int(PULL_SECONDS * 1_000_000_000),
            }
            self._wanted += PULLED_MESSAGES
            self._heard_at = now
            await connection.publish(subject, msgspec.json.encode(request), reply=inbox)

    def _has_room(self) -> bool:
        messages, size = self.window.behind(self._furthest)
        window = self.window
        return messages <= window.messages_max // 2 and size <= window.bytes_max // 2

    async def _turn(self) -> None:
        """Wait until there is something to do, or it is time to look."""
        timer = self._clock.call_at(self._clock.monotonic() + PULL_SECONDS / 2, self._turned.set)
        try:
            await self._turned.wait()
        finally:
            timer.cancel()

    async def _take(self, message: Msg) -> None:
        """Take in what the server delivers: an event, or the end of what was asked for."""
        headers = message.headers
        if headers and STATUS in headers:
            self._request_ended(headers)
            return
        self._wanted -= 1
        if self._wanted == PULLED_MESSAGES // 2:
            self._turned.set()
        wire = decode_wire(message.data)
        event = wire.message
        crash.at("nats.after_receive")
        self.received += 1
        base = self.window.base
        if not self.window.add(event, wire.previous, len(message.data)):
            return
        is_begun = base is None or wire.previous == self.window.base
        self._changed.set()
        for types, wake in self._watchers:
            if is_begun or event.known_as(types) is not None:
                wake()

    def _request_ended(self, headers: dict[str, str]) -> None:
        description = headers.get("Description", "")
        if headers[STATUS] in {"408", "404"} or description in ENDS:
            self._wanted = max(self._wanted - int(headers.get("Nats-Pending-Messages", 0)), 0)
            self._heard_at = self._clock.monotonic()
        else:
            self._broken = f"{headers[STATUS]} {description}"
        self._turned.set()

    def _wake_all(self) -> None:
        self.is_wanting = False
        self._changed.set()
        for _, wake in self._watchers:
            wake()
