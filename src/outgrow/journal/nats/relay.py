"""From a service's journal into its stream."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import msgspec
from nats.aio.msg import Msg

from outgrow import crash
from outgrow.journal.messages import Message
from outgrow.journal.nats.streams import Held, Stream, StreamOfAnother
from outgrow.journal.nats.wire import Wire, encode
from outgrow.journal.reading import Journal
from outgrow.nats import Connection, Line, Lost, NoAnswer, Refused, in_time

WINDOW_EVENTS: Final = 128
"""How many events are published before one acknowledgement says that all of them are there."""

WINDOW_BYTES: Final = 4 * 1024 * 1024
"""How much that may be; one event it is always."""

WINDOWS_IN_FLIGHT_MAX: Final = 2
"""How many such windows are under way at once."""

REFILLED_EVENTS_MAX: Final = 10_000
"""From how far before the journal's end a stream is filled that holds nothing."""

VERIFY_SECONDS: Final = 2.0
"""How old the last proof may be that the stream holds what was published."""

TRIM_SECONDS: Final = 10.0
"""How often it is looked at whether the stream takes more than it may."""

ACKNOWLEDGE_SECONDS_MAX: Final = 2.0
"""How long an acknowledgement may take, before the stream is asked what it holds."""

RECOVER_SECONDS: Final = 0.5
"""The pause after something else than the connection failed."""

AGAIN_SECONDS: Final = 0.01
"""The pause before the stream is asked again; after a few times in a row it doubles."""

QUICK_TRIALS: Final = 5
"""How many times in a row the stream is asked again after the shortest pause."""

TRIALS_IN_SILENCE: Final = 20
"""How many times in a row it is asked in vain before the log says so."""

_log = logging.getLogger("outgrow.journal.nats")


class OutOfStep(Exception):
    """The stream holds something else than it was taken to."""


class NotLeading(Exception):
    """Another process publishes what the service records."""


def message_id(message: Message, trial: int) -> str:
    """
    What JetStream knows *message* by: its own id, so that it is the same after each start.

    If that was in vain, another one: JetStream also knows the ids of messages that were deleted.
    Nothing is doubled by it, because each message is published for one place.
    """
    return f"{message.id}-{trial}" if trial else message.id


def windows(messages: list[Message], bytes_max: int) -> Iterator[list[Message]]:
    """*messages* in portions of at most *bytes_max*, but one at least."""
    window: list[Message] = []
    size = 0
    for message in messages:
        bytes_of_one = len(message.body) + len(message.key or "")
        if window and size + bytes_of_one > bytes_max:
            yield window
            window, size = [], 0
        window.append(message)
        size += bytes_of_one
    if window:
        yield window


class Relay:
    """
    Publishes what a service recorded, in the order of the journal, and knows nothing for long.

    How far it has come is asked of the stream: whenever a connection is made, an acknowledgement
    is not the one that was expected, or the last proof is old. Each message is published for its
    place (``Nats-Expected-Last-Sequence``), so that no other relay and no stream that lost its end
    can get it out of order; and so the acknowledgement of the last message of a window says that
    all of them are there.

    Of several processes that host the service, the one that leads publishes. That two believe to
    lead does no harm: each message has one place. Lives as long as its broker; one task runs it.

    Args:
        former: The names that events had before, by their names of today.

    Attributes:
        position: The last event that the stream holds; None until the stream was asked.
        placed: Is set once the stream was asked for the first time, or found to be not ours.
    """

    def __init__(
        self,
        journal: Journal,
        types: frozenset[str],
        stream: Stream,
        line: Line,
        *,
        former: Mapping[str, tuple[str, ...]] | None = None,
    ) -> None:
        self._journal = journal
        self._types = types
        self._former = former or {}
        self._stream = stream
        self._line = line
        self._clock = line.clock
        self._woken = asyncio.Event()
        self._epoch = ""
        self._sequence = 0
        self.position: int | None = None
        self.placed = asyncio.Event()
        self._read = 0
        self._last = 0
        self._proven_at = 0.0
        self._trim_at = 0.0
        self._in_flight: deque[tuple[asyncio.Future[Msg], int, int]] = deque()
        self.published = 0
        self.rewinds = 0
        self._trials = 0
        self._said = ""
        journal.watch(types, self._woken.set)
        journal.replica.watch(self._woken.set)
        line.watch(self._woken.set)

    async def run(self) -> None:
        """Publish until cancelled."""
        while True:
            connection = await self._line.connected()
            try:
                await self._until_leading()
                await self._take_place(connection)
                await self._publish_for_ever(connection)
            except NotLeading:
                _log.info("%s: another process publishes now", self._stream.name)
            except Lost:
                await self._clock.sleep(AGAIN_SECONDS)
            except (NoAnswer, OutOfStep) as error:
                await self._pause(error)
            except StreamOfAnother as error:
                self._say(error)
                await self._let_ask()
                await self._clock.sleep(RECOVER_SECONDS)
            except Exception as error:  # noqa: BLE001 - the relay is a border: what it cannot do now it tries again later
                self._say(error)
                await self._clock.sleep(RECOVER_SECONDS)
            finally:
                self._forget_windows()

    async def _until_leading(self) -> None:
        """Of several processes that have the service's store open, one publishes."""
        while not self._journal.replica.leads():
            # The journal can be asked for of any of them.
            await self._let_ask()
            self._woken.clear()
            if not self._journal.replica.leads():
                await self._woken.wait()

    async def _pause(self, error: Exception) -> None:
        """Before the stream is asked again; the longer, the more often that was in vain."""
        _log.debug("%s: asking the stream again: %r", self._stream.name, error)
        self._trials += 1
        if self._trials == TRIALS_IN_SILENCE:
            _log.warning(
                "%s: what is published does not come to stand in the stream: %s. The events stay "
                "in the journal, and it is tried again. Does somebody else write into the stream?",
                self._stream.name,
                error,
            )
        doubled = AGAIN_SECONDS * 2 ** min(max(self._trials - QUICK_TRIALS, 0), 10)
        await self._clock.sleep(min(doubled, RECOVER_SECONDS))

    def statistics(self, end: int) -> dict[str, Any]:
        """How it is doing, if the journal's end is *end*."""
        return {
            "stream": self._stream.name,
            "epoch": self._epoch,
            "sequence": self._sequence,
            "position": self.position,
            "published": self.published,
            "rewinds": self.rewinds,
            "lag": max(end - max(self._read, self.position or 0), 0),
        }

    def wire(self, message: Message, previous: int) -> bytes:
        """*message* on its way, behind the event at *previous*."""
        return encode(Wire.of(message, previous, self._former.get(message.type, ())))

    def meant_by(self, types: Iterable[str]) -> set[str]:
        """*types*, and what they are called today if a reader knows them by a former name."""
        asked = set(types)
        return asked.union(name for name in self._former if asked.intersection(self._former[name]))

    async def last_event(self) -> int:
        """The position of the last event that the stream holds, or will."""
        after = self._last
        while True:
            batch = await self._journal.events(after, self._types, WINDOW_EVENTS)
            if batch.messages:
                self._last = batch.messages[-1].position
            if batch.is_last:
                return self._last
            after = batch.position  # Perhaps behind nothing but what does not leave.

    async def _take_place(self, connection: Connection) -> None:
        """Learn from the stream up to where it holds the journal, and go on behind that."""
        await self._stream.declare(connection, self._types)
        held = await self._stream.held(connection)
        if held is not None and not await self._is_ours(held):
            # Empty with a past, or of another journal: a new one has an epoch of its own, which
            # tells all who read that they must look again.
            await self._stream.make_anew(connection, self._types)
            held = await self._stream.held(connection)
        if held is None:
            raise OutOfStep("somebody deleted the stream")
        self._go_on(held, await self._place(held))

    async def _let_ask(self) -> None:
        """Without a stream the journal can be asked for nonetheless."""
        if not self.placed.is_set():
            self._last = max(await self._journal.end() - REFILLED_EVENTS_MAX, 0)
            self.placed.set()

    async def _place(self, held: Held) -> int:
        """Where to go on: behind what the stream holds, whatever is remembered."""
        if held.last is None:
            return max(await self._journal.end() - REFILLED_EVENTS_MAX, 0)
        return held.last.position

    def _go_on(self, held: Held, position: int) -> None:
        if self.position is not None and (position, held.epoch) != (self.position, self._epoch):
            self.rewinds += 1
            _log.info(
                "%s: the stream holds the journal up to position %d, and held it up to %d; what "
                "is missing is published again",
                self._stream.name,
                position,
                self.position,
            )
        self._epoch, self._sequence = held.epoch, held.sequence
        self.position = self._read = position
        self._last = max(self._last, position) if self.placed.is_set() else position
        self._proven_at = self._clock.monotonic()
        self._said = ""
        self.placed.set()

    async def _is_ours(self, held: Held) -> bool:
        """Whether the stream holds a part of this journal, or nothing and never held anything."""
        if held.last is None:
            return held.sequence == 0
        # Another process may have published what is not final yet, as far as this one knows.
        is_ours = await self._journal.holds(held.last.id, held.last.position)
        if not is_ours:
            _log.warning(
                "%s: the stream ends with the event %s at position %d, which the journal does not "
                "hold there: the store was replaced. The stream is made anew",
                self._stream.name,
                held.last.id,
                held.last.position,
            )
        return is_ours

    async def _publish_for_ever(self, connection: Connection) -> None:
        while True:
            self._woken.clear()
            connection.check()
            if not self._journal.replica.leads():
                raise NotLeading
            await self._publish_all(connection)
            if self._clock.monotonic() >= self._proven_at + VERIFY_SECONDS:
                await self._verify(connection)
            timer = self._clock.call_at(self._proven_at + VERIFY_SECONDS, self._woken.set)
            try:
                await self._woken.wait()
            finally:
                timer.cancel()

    async def _publish_all(self, connection: Connection) -> None:
        """Publish what the journal holds behind what was read, and wait until it is there."""
        while True:
            batch = await self._journal.events(self._read, self._types, WINDOW_EVENTS)
            for window in windows(batch.messages, WINDOW_BYTES):
                while len(self._in_flight) >= WINDOWS_IN_FLIGHT_MAX:
                    await self._wait_there()
                await self._publish(connection, window)
            self._read = batch.position
            if self._clock.monotonic() >= self._trim_at:
                self._trim_at = self._clock.monotonic() + TRIM_SECONDS
                await self._stream.trim(connection)
            while self._in_flight and (
                batch.is_last or len(self._in_flight) >= WINDOWS_IN_FLIGHT_MAX
            ):
                await self._wait_there()
            if batch.is_last:
                return

    async def _publish(self, connection: Connection, messages: list[Message]) -> None:
        """Send *messages* for the places behind what is under way."""
        assert self.position is not None, "it has taken its place"
        if self._in_flight:
            _, sequence, previous = self._in_flight[-1]
        else:
            sequence, previous = self._sequence, self.position
        crash.at("nats.before_publish")
        subject, acknowledged = connection.promise()
        last = messages[-1].position
        self._in_flight.append((acknowledged, sequence + len(messages), last))
        for message in messages:
            await connection.publish(
                self._stream.subject_of(message),
                self.wire(message, previous),
                reply=subject if message.position == last else "",
                headers={
                    "Nats-Msg-Id": message_id(message, self._trials),
                    "Nats-Expected-Last-Sequence": str(sequence),
                },
            )
            previous = message.position
            sequence += 1

    async def _wait_there(self) -> None:
        """Wait until the oldest window is in the stream, all of it."""
        acknowledged, sequence, position = self._in_flight[0]
        answer = await in_time(acknowledged, ACKNOWLEDGE_SECONDS_MAX)
        crash.at("nats.after_publish")
        found = _sequence_of(answer)
        if found != sequence:
            raise OutOfStep(f"{found} instead of {sequence}")
        self._in_flight.popleft()
        self.published += sequence - self._sequence
        self._sequence, self.position = sequence, position
        self._trials = 0
        self._proven_at = self._clock.monotonic()

    async def _verify(self, connection: Connection) -> None:
        """Ask the stream whether it still holds what was published."""
        expected = (self._epoch, self._sequence, self._sequence > 0)
        if await self._stream.proof(connection) != expected:
            raise OutOfStep("the stream changed")
        self._proven_at = self._clock.monotonic()

    def _forget_windows(self) -> None:
        for acknowledged, _, _ in self._in_flight:
            acknowledged.cancel()
        self._in_flight.clear()

    def _say(self, error: Exception) -> None:
        if str(error) == self._said:
            return
        self._said = str(error)
        what = error if isinstance(error, StreamOfAnother | Refused) else repr(error)
        _log.error(
            "%s: events cannot be published: %s. They stay in the journal, and it is tried again",
            self._stream.name,
            what,
            exc_info=None if isinstance(error, StreamOfAnother | Refused) else error,
        )


def _sequence_of(answer: Msg) -> int:
    """The place of the message that is acknowledged; 0 if it was not taken, or known already."""
    acknowledgement = msgspec.json.decode(answer.data) if answer.data else {}
    if "error" in acknowledgement or acknowledgement.get("duplicate"):
        return 0
    return int(acknowledgement.get("seq", 0))
