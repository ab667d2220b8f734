"""What one revision has stored, read by another: commands that wait, replies, events."""

from __future__ import annotations

from itertools import combinations
from typing import Any

from outgrow.calls import bind_arguments, decode_arguments, encode_arguments
from outgrow.calls.protobuf import Converters, Messages
from outgrow.calls.transport import Invoke
from outgrow.context import Caller, Context, new_id, new_span_id, new_trace_id
from outgrow.contracts import Event, Method, event_key, event_names, event_schema, problem_fields
from outgrow.contracts.codecs import encode
from outgrow.contracts.upcasting import EventReader
from outgrow.errors import ArgumentsRefused, EventUnreadable
from tests.contracts.changes.revisions import Revision
from tests.contracts.changes.running import (
    CLOCK,
    Fields,
    Memory,
    Provider,
    agree,
    meaning,
    named,
    replies_of,
)


async def stored_that_is_lost(old: Revision, new: Revision, *, repeats: bool) -> list[str]:
    """What of the stored things of *old* is not understood by *new*."""
    wrong = []
    for call in old.side.calls:
        name, arguments = old.call(call)
        method, newer = old.methods[name], new.methods.get(name)
        if not method.is_keyed:
            continue
        if newer is None:
            wrong.append(f"nothing takes the commands to {name} that wait")
            continue
        wrong += _waiting(method, new, arguments)
        if newer.is_keyed:
            wrong += _remembered(old, new, name)
        elif repeats:
            wrong += await _repeated(old, new, name, arguments)
    return wrong + events_unread(old, new)


def _waiting(method: Method, new: Revision, arguments: dict[str, Any]) -> list[str]:
    """What comes of a command that waits in the journal of a consumer, if both are replaced."""
    newer = new.methods[method.name]
    wire = Converters(Messages(new.application, new.models, new.numbers)).of(newer)
    given = bind_arguments(method, (), arguments)
    body = encode_arguments(method, given)
    meant = named(method, given)
    try:
        found = wire.decode_request(wire.encode_request(*decode_arguments(newer, body)))
    except (EventUnreadable, ArgumentsRefused) as error:
        return [str(error)]
    read = named(newer, found)
    return [] if agree(meant, read) else [f"{meant} waited, and {read} would be delivered"]


def _remembered(old: Revision, new: Revision, name: str) -> list[str]:
    method, side = old.methods[name], old.side
    raised = side.raises and method.problems
    outcome = old.evaluate(side.raises) if raised else Provider(old).gave(method)
    try:
        got = replies_of(new.methods[name]).decode(*replies_of(method).encode(outcome))
    except EventUnreadable as error:
        return [str(error)]
    if raised:
        is_same = agree(*(Fields(meaning(problem_fields(one))) for one in (outcome, got)))
    else:
        is_same = agree(meaning(outcome), meaning(got))
    return [] if is_same else [f"{outcome} was remembered as {got}"]


async def _repeated(
    old: Revision, new: Revision, name: str, arguments: dict[str, Any]
) -> list[str]:
    """What comes of a command that ran before the deployment, and is repeated after it."""
    memory = Memory()
    providers = [Provider(old, memory), Provider(new, memory)]
    for provider in providers:
        method = provider.revision.methods[name]
        invoke: Invoke = provider.reception.bind(method)
        context = Context(
            caller=Caller(),
            correlation_id=new_id(),
            trace_id=new_trace_id(),
            span_id=new_span_id(),
            deadline=CLOCK.monotonic() + 10,
            method=method.full_name,
            key="key",
        )
        await invoke(context, *bind_arguments(method, (), arguments))
    again = providers[1]
    has_effect = again.revision.methods[name].kind == "command"
    return [f"{name} had a second effect"] if again.received and has_effect else []


def events_unread(writer: Revision, reader: Revision) -> list[str]:
    """Which events in a journal of *writer* the handlers of *reader* cannot read."""
    wrong = []
    for event in _events(writer):
        read = _read(event, reader)
        wrong += [f"nothing reads {n}" for n in event_names(type(event)) if n not in reader.events]
        if isinstance(read, str):
            wrong.append(read)
        elif not agree(meaning(event), meaning(read)) and not _is_upcast(event, read):
            wrong.append(f"{event} was read as {read}")
    return wrong


def events_unheard(consumer: Revision, provider: Revision, *, is_older: bool) -> list[str]:
    """What handlers of *consumer* do not hear, or hear wrongly, of *provider*."""
    written = [event for event in _events(provider) if _reader(event, consumer) is not None]
    wrong = [read for event in written if isinstance(read := _read(event, consumer), str)]
    heard = {_reader(event, consumer) for event in written}
    if is_older:
        wrong += [f"{e.__name__} is not heard" for e in {*consumer.events.values()} - heard]
    if wrong:
        return wrong
    heard_as = [(event, _read(event, consumer)) for event in written]
    for event, read in heard_as:
        if not agree(meaning(event), meaning(read)) and not _is_upcast(event, read):
            wrong.append(f"{event} was read as {read}")
    for (one, first), (other, second) in combinations(heard_as, 2):
        key = event_key(first)
        if key is not None and key == event_key(second) and not _in_order(one, other):
            wrong.append(f"{first} and {second} have the key {key} and no order")
    return wrong


def _in_order(one: Event, other: Event) -> bool:
    return event_key(one) == event_key(other) is not None


def _events(revision: Revision) -> list[Any]:
    return [revision.evaluate(event) for event in revision.side.events]


def _reader(event: Event, reader: Revision) -> type[Event] | None:
    """The reader's class for an event; its writer tells what it was called before."""
    names = event_names(type(event))
    return next((reader.events[name] for name in names if name in reader.events), None)


def _read(event: Event, reader: Revision) -> Any:
    cls = _reader(event, reader)
    if cls is None:
        return f"nothing reads {event}"
    try:
        return EventReader(cls).read(event_schema(type(event)), encode(event).decode())
    except EventUnreadable as error:
        return str(error)


def _is_upcast(event: Event, read: Event) -> bool:
    return event_schema(type(event)) != event_schema(type(read))


def repeats_are_refused(old: Revision, new: Revision) -> bool:
    """Whether a new provider takes the repeat of a command for another one."""
    for call in old.side.calls:
        name, arguments = old.call(call)
        method, newer = old.methods[name], new.methods[name]
        ends = [
            Converters(Messages(one.application, one.models, one.numbers)).of(one.methods[name])
            for one in (old, new)
        ]
        body = ends[0].encode_request(*bind_arguments(method, (), arguments))
        seen = [end.decode_request(body) for end in ends]
        first, again = (
            encode_arguments(one, tuple(given))
            for one, given in zip((method, newer), seen, strict=True)
        )
        if first != again:
            return True
    return False
