"""Rows of a journal on their way to whom they concern."""

from __future__ import annotations

import hashlib
import itertools
import zlib
from collections.abc import Callable, Collection
from datetime import datetime
from typing import Final, Protocol

import msgspec

from outgrow.clock import Clock
from outgrow.context import (
    Caller,
    Context,
    new_span_id,
    new_trace_id,
    parse_traceparent,
)
from outgrow.journal.schema import PARTITIONS

DEADLINE_SECONDS: Final = 10.0
"""How long one attempt of a handler, or of a command that was sent, may take."""


class Message(msgspec.Struct, frozen=True, omit_defaults=True):
    """
    An event or command as it stands in the journal of its source; the columns of docs/journal.md.

    Attributes:
        position: Its place in the source's journal.
        key: What keeps it in order with others; None if nothing does.
        caller: The `Caller` as JSON.
        trace: The ``traceparent`` of the execution that recorded it.
        body: The event's fields, or the command's arguments, as JSON.
        former: Names on the wire that the event's class had before, if another process says so.
    """

    position: int
    id: str
    kind: str
    type: str
    schema: int
    destination: str | None
    key: str | None
    partition: int
    cause: str | None
    correlation_id: str
    trace: str
    caller: str
    tenant: str | None
    recorded_at: str
    body: str
    former: tuple[str, ...] = ()

    def known_as(self, types: Collection[str]) -> Message | None:
        """
        This event under the name by which who listens to *types* knows it; None if they do not.

        They may run code of before the event was renamed.
        """
        if self.type in types:
            return self
        for name in self.former:
            if name in types:
                return msgspec.structs.replace(self, type=name, former=())
        return None

    @property
    def line(self) -> str:
        """Behind whom it must wait."""
        return line_of(self)


LINE_CHARACTERS_MAX: Final = 500
"""How long a key is under which messages wait; a longer one stands there as its hash."""


class _Keyed(Protocol):
    @property
    def id(self) -> str: ...
    @property
    def key(self) -> str | None: ...
    @property
    def partition(self) -> int: ...


def line_of(message: _Keyed) -> str:
    """
    Behind whom *message* must wait: its key, or itself alone if it has none.

    Of a key that not every store can keep, as journals had before keys were limited, a hash in the
    same partition.
    """
    key = message.key
    if key is None:
        return message.id
    if len(key) <= LINE_CHARACTERS_MAX and "\0" not in key:
        return key
    digest = hashlib.sha256(key.encode()).hexdigest()
    lines = (f"sha256:{digest}:{n}" for n in itertools.count())
    return next(line for line in lines if partition_of(line) == message.partition % PARTITIONS)


_TIME_CHARACTERS = len("2030-01-01T00:00:00.000000")


def partition_of(line: str) -> int:
    """The partition of a key, or of the id of a message that has none."""
    return zlib.crc32(line.encode()) % PARTITIONS


def time_text(moment: datetime) -> str:
    """*moment*, which is in UTC, as text: sorts by time, and equals what the store makes of it."""
    return moment.isoformat(timespec="microseconds")[:_TIME_CHARACTERS] + "Z"


def time_of(text: str) -> datetime:
    """The moment that `time_text` made *text* from."""
    return datetime.fromisoformat(text)


class Contexts:
    """Makes the contexts under which messages are executed. Lives as long as its consumer."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._decode_caller = msgspec.json.Decoder(Caller).decode
        self._callers: dict[str, Caller] = {}

    def make(self, message: Message, method: str, key: str, via: str = "") -> Context:
        """
        A new context for *method*, whose caller, correlation and trace are the message's.

        Args:
            key: The execution's id: equal for each attempt and each redelivery.
            via: The service that calls, if it is a call.
        """
        trace = parse_traceparent(message.trace)
        return Context(
            caller=self._caller(message.caller),
            correlation_id=message.correlation_id,
            trace_id=trace[0] if trace else new_trace_id(),
            span_id=new_span_id(),
            deadline=self._clock.monotonic() + DEADLINE_SECONDS,
            method=method,
            key=key,
            via=via,
        )

    def _caller(self, text: str) -> Caller:
        caller = self._callers.get(text)
        if caller is None:
            if len(self._callers) >= 256:
                self._callers.clear()
            caller = self._callers[text] = self._decode_caller(text)
        return caller


class Batch(msgspec.Struct, frozen=True):
    """
    Some messages in the order of their positions.

    Attributes:
        position: Up to where the journal was looked at; what follows is behind it.
        is_last: Whether that was the end.
    """

    messages: list[Message]
    position: int
    is_last: bool


class Source(Protocol):
    """Where the events of one service come from, in the order in which they were recorded."""

    @property
    def service(self) -> str:
        """The short name of the service that records them."""

    async def end(self) -> int:
        """The position of the last message; 0 if there is none."""

    async def events(self, after: int, types: Collection[str], limit: int) -> Batch:
        """The next events of *types* behind *after*; at most *limit*. Perhaps none: look on."""

    def watch(self, types: Collection[str], wake: Callable[[], object]) -> None:
        """Call *wake* soon after one of *types* was recorded. May miss some: look now and then."""
