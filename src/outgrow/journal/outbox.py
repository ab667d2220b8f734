"""What a unit of work says to others: recorded with its data, told after its commit."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, Final

import msgspec

from outgrow import crash
from outgrow.calls import (
    KEY_CHARACTERS_MAX,
    bind_arguments,
    encode_arguments,
    key_problem,
    method_of,
)
from outgrow.clock import Clock
from outgrow.context import (
    SYSTEM,
    Caller,
    Context,
    current,
    new_id,
    new_span_id,
    new_trace_id,
)
from outgrow.contracts import Event, event_key, event_schema, event_type, service_name
from outgrow.errors import CallRefused, EventKeyRefused, EventTooLarge, NotTheOwner
from outgrow.journal.bodies import Codec, codec_of
from outgrow.journal.messages import partition_of, time_text
from outgrow.journal.timing import TimerBook
from outgrow.store import Transaction

BODY_BYTES_MAX: Final = 256 * 1024
"""The most that an event or the arguments of a sent command may take as JSON."""

_COLUMNS: Final = (
    "id",
    "kind",
    "type",
    "schema",
    "destination",
    "key",
    "partition",
    "cause",
    "correlation_id",
    "trace",
    "caller",
    "tenant",
    "recorded_at",
    "body",
)

_TYPE, _DESTINATION = 2, 4

Entry = tuple[Any, ...]
"""A row of the journal that is yet to be written, encoded when it was said."""


class Outbox:
    """
    Writes a service's journal. Belongs to the service's store, and lives as long.

    What is said is encoded at once, so that changing it afterwards changes nothing, and what cannot
    be recorded is refused at the line that says it.

    Attributes:
        destinations: The services that commands were sent to since the start.
        timers: What is to be said later.
    """

    def __init__(self, service: str, clock: Clock) -> None:
        self._service = service
        self._clock = clock
        self._encode = msgspec.json.Encoder(order="deterministic").encode
        self._types: dict[type[Event], tuple[str, Codec]] = {}
        self._callers: dict[Caller, str] = {}
        self._caller: tuple[Caller | None, str] = None, ""
        self.destinations: set[str] = set()
        self.timers = TimerBook(clock)
        self._watchers: list[tuple[frozenset[str], Callable[[], object]]] = []
        self._said: set[str] = set()
        self._tell_others: Callable[[Collection[str]], object] = _nobody_hears

    def event(self, event: Event) -> Entry:
        """
        The journal row for *event*.

        Raises:
            NotTheOwner: Another service's contract defines the event.
            TypeError: It is no event, or a field has another type than its class says.
            EventTooLarge: Its fields are over 256 KiB as JSON.
            EventKeyRefused: Its key is empty, over 255 characters or holds control characters.
            NotFinite: A float in it is infinite or no number, which its readers would not get.
        """
        name, codec = self._types.get(type(event)) or self._own_type(type(event))
        key = event_key(event)
        if key is not None and (problem := key_problem(key)):
            raise EventKeyRefused(name, problem, KEY_CHARACTERS_MAX)
        body = codec.encode(event)
        try:
            codec.decode(body)
        except msgspec.ValidationError as error:
            raise TypeError(f"{name}: its handlers could not read it: {error}") from error
        return self._entry("event", name, None, key, body, schema=event_schema(type(event)))

    def command(
        self, bound: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Entry:
        """
        The journal row for calling *bound*, a client's method, after the commit.

        Raises:
            CallRefused: The method promises nothing about repeats, or changes nothing.
            ArgumentsRefused: An argument cannot be kept.
            EventTooLarge: The arguments are over 256 KiB as JSON.
            TypeError: It is no method of a client, or the arguments do not fit it.
        """
        method = method_of(bound)
        if not method.is_keyed:
            raise CallRefused(
                method.full_name,
                "it cannot be sent, because a sent command may arrive twice and only an idempotent "
                "command has one effect then. Call it outside of the transaction.",
            )
        self.destinations.add(method.service)
        body = encode_arguments(method, bind_arguments(method, args, kwargs))
        return self._entry("command", method.full_name, method.service, None, body)

    def audit(self, name: str, key: str | None, body: Any) -> Entry:
        """
        The journal row that says what an operator decided; nobody is told of it.

        Args:
            name: What was decided, such as ``outgrow.Dropped``.
            key: Whose key it concerns.
            body: What there is to say of it.
        """
        return self._entry("audit", name, None, key, self._encode(body))

    async def append(self, tx: Transaction, entries: list[Entry | str]) -> None:
        """
        Write *entries* as the last thing that the unit of *tx* does.

        One that is a text is no row: it is a topic whose watchers are to be told of the commit.
        """
        rows = [entry for entry in entries if not isinstance(entry, str)]
        if len(rows) < len(entries):
            self._said.update(entry for entry in entries if isinstance(entry, str))
        if rows:
            await tx.add("outgrow_journal", _COLUMNS, rows)
        self._said.update(row[_DESTINATION] or row[_TYPE] for row in rows)
        crash.at("journal.after_append")

    def watch(self, topics: Collection[str], wake: Callable[[], object]) -> None:
        """
        Call *wake* after each commit in which something was said to one of *topics*.

        Args:
            topics: Types of events, and services that commands are sent to; none means all.
        """
        self._watchers.append((frozenset(topics), wake))

    def committed(self) -> None:
        """Wake those who watch; the store calls it after a commit in which something was said."""
        said, self._said = self._said, set()
        self._wake(said)
        self._tell_others(said)

    def tell_others(self, tell: Callable[[Collection[str]], object]) -> None:
        """Call *tell* after each commit, with what it concerns, for other processes to `hear`."""
        self._tell_others = tell

    def hear(self, topics: Collection[str]) -> None:
        """Another process has said something to *topics*; none means that nobody knows to which."""
        self.destinations.update(t for t in topics if t.isidentifier())
        self._wake(topics)

    def _wake(self, said: Collection[str]) -> None:
        for topics, wake in self._watchers:
            if not topics or not said or not topics.isdisjoint(said):
                wake()

    def wake_all(self) -> None:
        """Wake all who watch: there may be something for them."""
        for _, wake in self._watchers:
            wake()

    def _own_type(self, event: type[Event]) -> tuple[str, Codec]:
        if not issubclass(event, Event):
            raise TypeError(
                f"tx.record() was given a {event.__qualname__}, which is no event. "
                'Define it as class OrderPlaced(Event, key="order_id") in the contract.'
            )
        owner = service_name(event.__module__)
        if owner != self._service:
            raise NotTheOwner(
                f"{event.__module__}.{event.__qualname__}: service {self._service!r} recorded an "
                f"event of {owner!r}. Only the service whose contract defines an event records it: "
                f"ask {owner!r} by a command, or define an event of {self._service!r}."
            )
        name = event_type(event)
        self._types[event] = name, codec_of(event, "deterministic", name)
        return self._types[event]

    def _entry(
        self,
        kind: str,
        name: str,
        destination: str | None,
        key: str | None,
        body: bytes,
        *,
        schema: int = 1,
    ) -> Entry:
        if len(body) > BODY_BYTES_MAX:
            raise EventTooLarge(
                f"{name}: {len(body)} bytes as JSON are more than an event or a sent command may "
                f"have, which is {BODY_BYTES_MAX}. Keep what is large in the store, and say its id."
            )
        context = current(None) or _nobody()
        message_id = new_id()
        return (
            message_id,
            kind,
            name,
            schema,
            destination,
            key,
            partition_of(message_id if key is None else key),
            context.key,
            context.correlation_id,
            context.traceparent,
            self._caller_text(context.caller),
            context.caller.tenant,
            time_text(self._clock.now()),
            body.decode(),
        )

    def _caller_text(self, caller: Caller) -> str:
        if caller is self._caller[0]:
            return self._caller[1]
        text = self._callers.get(caller)
        if text is None:
            if len(self._callers) >= 256:
                self._callers.clear()
            text = self._callers[caller] = self._encode(caller).decode()
        self._caller = caller, text
        return text


def _nobody_hears(_: Collection[str]) -> None:
    """No other process has the store open."""


def _nobody() -> Context:
    """The context of a unit that was run outside of any call: by the application itself."""
    return Context(
        caller=SYSTEM,
        correlation_id=new_id(),
        trace_id=new_trace_id(),
        span_id=new_span_id(),
        deadline=0.0,
    )
