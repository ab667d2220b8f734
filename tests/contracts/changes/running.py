"""
Run the consumers of one revision against the provider of another, and see what gets lost.

Nothing is compared with descriptions here: a call is sound if the provider is given what the
consumer meant and the consumer gets what the provider gave, as far as both know it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from enum import Enum
from typing import Any
from urllib.parse import quote, urlencode

import msgspec

from outgrow.calls import MISSING, Reception, bind_arguments, client_class, connect, using
from outgrow.calls.grpc import GrpcServer, GrpcTransport
from outgrow.calls.grpc.revisions import Revision as Known
from outgrow.calls.protobuf import Converters, Messages
from outgrow.clock import SystemClock
from outgrow.context import Caller, current
from outgrow.contracts import (
    STATUSES,
    Field,
    ListOf,
    MapOf,
    Maybe,
    Method,
    Nothing,
    Problem,
    RecordShape,
    Shape,
    decode_problem,
    fields_of,
    problem_fields,
    problem_type,
    strict_decoder,
)
from outgrow.contracts.descriptions import ContractDescription
from outgrow.errors import OutgrowError
from outgrow.gateway import Edge
from outgrow.journal.inbox import Replies
from outgrow.telemetry import Meters
from tests.contracts.changes.revisions import Revision
from tests.gateway.conftest import Driver

CLOCK = SystemClock()


class Unasked:
    """Lets both sides think that they have the same revision, so that all calls go through."""

    def of(self, model: Any) -> Known:
        description = ContractDescription(
            name=model.name, version=model.version, methods={}, fingerprint="00" * 16
        )
        return Known(description=description, is_frozen=True)


class Memory:
    """Replies by key, as a service with a store has them; kept as the store keeps them."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str], tuple[str, str]] = {}

    async def recall(self, method: Method, context: Any, _: bytes) -> Any:
        kept = self._kept.get((method.full_name, context.key))
        return MISSING if kept is None else replies_of(method).decode(*kept)

    async def remember(self, method: Method, context: Any, _: bytes, outcome: Any) -> Any:
        self._kept[method.full_name, context.key] = replies_of(method).encode(outcome)
        return outcome


def replies_of(method: Method) -> Replies:
    return Replies(method.full_name, method.reply_hint, method.problems)


class Provider:
    """
    A process that keeps one revision, over gRPC and HTTP.

    Attributes:
        received: The arguments of each execution, by name, and the seconds that it was given.
    """

    def __init__(self, revision: Revision, memory: Memory | None = None) -> None:
        self.revision = revision
        self.received: list[tuple[dict[str, Any], float]] = []
        self.reception = Reception(CLOCK, Meters())
        for model in revision.models:
            self.reception.admit(model, self._implementation(), memory or Memory())

    def _implementation(self) -> Any:
        class Implementation:
            pass

        for method in self.revision.methods.values():
            setattr(Implementation, method.name, self._run(method))
        return Implementation()

    def _run(self, method: Method) -> Any:
        side = self.revision.side

        async def run(_: Any, *arguments: Any) -> Any:
            seconds = current().deadline - CLOCK.monotonic()
            self.received.append((named(method, await read_out(method, arguments)), seconds))
            if side.raises and method.problems:
                raise self.revision.evaluate(side.raises)
            return self.gave(method)

        async def stream(_: Any, *arguments: Any) -> AsyncIterator[Any]:
            for item in await run(_, *arguments):
                yield item

        return stream if method.is_reply_stream else run

    def gave(self, method: Method) -> Any:
        """What it replies."""
        return (
            None
            if isinstance(method.reply, Nothing)
            else self.revision.evaluate(self.revision.side.reply)
        )

    async def serve(self, stack: AsyncExitStack) -> str:
        messages = Messages(self.revision.application, self.revision.models, self.revision.numbers)
        server = GrpcServer(Converters(messages), self.reception.bind, CLOCK, revisions=Unasked())
        for model in self.revision.models:
            server.admit(model)
        address = await server.start("127.0.0.1:0")
        stack.push_async_callback(server.drain, 0)
        return address


async def calls_that_fail(
    consumer: Revision, provider: Revision, *, repeats: bool, has_http: bool = True
) -> list[str]:
    """What goes wrong if *consumer* calls *provider* over gRPC, and over HTTP where it is bound."""
    async with AsyncExitStack() as stack:
        process = Provider(provider)
        address = await process.serve(stack)
        messages = Messages(consumer.application, consumer.models, consumer.numbers)
        transport = GrpcTransport(address, Converters(messages), CLOCK, revisions=Unasked())
        stack.push_async_callback(transport.close)
        wrong = []
        for call in consumer.side.calls:
            name, arguments = consumer.call(call)
            method = consumer.methods[name]
            times = 2 if repeats and method.repeat != "unsafe" else 1
            process.received.clear()
            for _ in range(times):
                wrong += await _over_grpc(consumer, process, transport, method, arguments)
            wrong += _effects(process, name)
            if has_http and method.http is not None and not repeats:
                process.received.clear()
                wrong += await _over_http(consumer, process, method, arguments)
        return wrong


def _effects(process: Provider, name: str) -> list[str]:
    method = process.revision.methods.get(name)
    count = len(process.received)
    if method is None or method.kind == "query" or count < 2:
        return []
    return [f"{name} had {count} effects"]


def granted(revision: Revision) -> Caller:
    """A caller from outside who has been granted what the revision asks for."""
    return Caller(permissions=frozenset(m.allow for m in revision.methods.values() if m.allow))


async def _over_grpc(
    consumer: Revision,
    process: Provider,
    transport: GrpcTransport,
    method: Method,
    arguments: dict[str, Any],
) -> list[str]:
    model = next(model for model in consumer.models if method in model.methods.values())
    client: Any = client_class(model)(transport.bind, model, CLOCK, caller=granted(consumer))
    try:
        connect(client)
        if method.is_keyed:
            client = using(client, key="key")
        theirs = process.revision.methods.get(method.name)
        if theirs is not None and method.is_streaming != theirs.is_streaming:
            client = using(client, deadline=0.2)  # one side would wait for more until then
        answer = getattr(client, method.name)(**streamed(method, arguments))
        got = [item async for item in answer] if method.is_reply_stream else await answer
    except Problem as problem:
        return [*_heard(process, method, arguments), *_refused(process, problem)]
    except OutgrowError as error:
        return [f"gRPC: {type(error).__name__}: {error}"]
    return [*_heard(process, method, arguments), *_got(process, method, got)]


def streamed(method: Method, arguments: dict[str, Any]) -> dict[str, Any]:
    """*arguments*, where a list stands for the items of a stream."""
    names = [parameter.name for parameter in method.parameters if parameter.is_stream]
    return arguments | {name: _one_by_one(arguments[name]) for name in names}


async def _one_by_one(items: list[Any]) -> AsyncIterator[Any]:
    for item in items:
        yield item


async def read_out(method: Method, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
    """*arguments*, with a list for the items of a stream."""
    streams = [parameter.is_stream for parameter in method.parameters]
    pairs = zip(arguments, streams, strict=True)
    return tuple([[item async for item in one] if is_one else one for one, is_one in pairs])


def named(method: Method, arguments: tuple[Any, ...]) -> Fields:
    """What *arguments* say, by name."""
    names = [parameter.name for parameter in method.parameters]
    fields = [parameter.field for parameter in method.parameters]
    return Fields(zip(names, map(meaning, arguments), strict=True), unheard=unheard(fields))


def _heard(process: Provider, method: Method, arguments: dict[str, Any]) -> list[str]:
    """What the provider was given other than the consumer meant."""
    meant = named(method, bind_arguments(method, (), arguments))
    given, _ = process.received[-1]
    return [] if agree(meant, given) else [f"meant {meant}, and the provider was given {given}"]


def _got(process: Provider, method: Method, got: Any) -> list[str]:
    if isinstance(method.reply, Nothing):
        return []
    theirs = process.revision.methods[method.name]
    gave = meaning(process.gave(theirs))
    return (
        [] if agree(gave, meaning(got)) else [f"the provider gave {gave}, and {meaning(got)} came"]
    )


def _refused(process: Provider, problem: Problem) -> list[str]:
    raised = process.revision.evaluate(process.revision.side.raises)
    gave, got = (
        {problem_type(type(p)): Fields(meaning(problem_fields(p)))} for p in (raised, problem)
    )
    is_same = agree(gave, got)
    return [] if is_same else [f"the provider refused with {gave}, and {got} came"]


async def _over_http(
    consumer: Revision, process: Provider, method: Method, arguments: dict[str, Any]
) -> list[str]:
    caller = granted(consumer)
    edge = Edge(
        "shop",
        process.revision.models,
        process.reception.bind,
        CLOCK,
        authenticate=lambda _: caller,
    )
    verb, target, body = _request(method, arguments)
    answer = await Driver(edge)(verb, target, body)
    if answer.status >= 400:
        return _http_problem(process, method, answer)
    wrong = _heard(process, method, arguments)
    promised = method.deadline_seconds or 10.0
    _, seconds = process.received[-1]
    if seconds < promised - 0.5:
        wrong.append(f"HTTP: it may take {promised} s and was given {seconds:.1f} s")
    if isinstance(method.reply, Nothing):
        return wrong
    if answer.status == 204:
        return [*wrong, "HTTP: a reply was expected, and none came"]
    try:
        got = strict_decoder(method.reply_hint)(answer.body)
    except msgspec.DecodeError as error:
        return [*wrong, f"HTTP: {error}: {answer.body.decode()}"]
    return [*wrong, *_got(process, method, got)]


def _http_problem(process: Provider, method: Method, answer: Any) -> list[str]:
    name = answer.json["type"].removeprefix("/problems/")
    known = method.problems.get(name)
    if known is None:
        is_declared = any(name in m.problems for m in process.revision.methods.values())
        return [] if is_declared else [f"HTTP: {answer.status} {answer.json}"]
    if answer.status != STATUSES[known.status]:
        return [f"HTTP: {name} came with {answer.status}"]
    try:
        problem = decode_problem(known, answer.body)
    except msgspec.DecodeError as error:
        return [f"HTTP: {name}: {error}"]
    return _refused(process, problem)


def _request(method: Method, arguments: dict[str, Any]) -> tuple[str, str, Any]:
    """The request of a client that leaves out what has its default."""
    assert method.http is not None
    fields = {p.name: p.field for p in method.parameters}
    given = {name: lean(fields[name].shape, value) for name, value in arguments.items()}
    path = method.http.path
    for name in method.http.path_parameters:
        path = path.replace(f"{{{name}}}", quote(_text(given.pop(name))))
    if method.http.verb in ("GET", "DELETE"):
        query = urlencode({name: _text(value) for name, value in given.items()})
        return method.http.verb, f"{path}?{query}" if query else path, None
    return method.http.verb, path, given


def _text(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def lean(shape: Shape, value: Any) -> Any:
    """*value* as JSON, without the fields that have their default."""
    match shape:
        case Maybe(item=item):
            return None if value is None else lean(item, value)
        case ListOf(item=item):
            return [lean(item, one) for one in value]
        case RecordShape():
            whole = plain(value)
            for field in fields_of(shape.record):
                _lighten(whole, field, getattr(value, field.name))
            return whole
    return plain(value)


def _lighten(whole: dict[str, Any], field: Field, value: Any) -> None:
    if not field.is_required and value == field.default:
        del whole[field.encoded]
    else:
        whole[field.encoded] = lean(field.shape, value)


def plain(value: Any) -> Any:
    """*value* as JSON has it."""
    return msgspec.to_builtins(value, str_keys=True)


@dataclass(frozen=True)
class Member:
    """
    A member of an enumeration, which is known by its name or by its value.

    Attributes:
        known: The names of all members of its enumeration.
    """

    name: str
    value: Any
    known: frozenset[str]


class Fields(dict[str, Any]):
    """
    What has fields, which the other side need not know, other than the keys of a dictionary.

    Attributes:
        unheard: What a reader has to take for fields that the writer does not know, by name; one
            that is not here cannot be read at all. None if nothing is known of it.
        tag: What tells it from the other members of its union, if it has one.
    """

    def __init__(
        self, *fields: Any, unheard: dict[str, Any] | None = None, tag: Any = None
    ) -> None:
        super().__init__(*fields)
        self.unheard = unheard
        self.tag = tag


_EMPTY: dict[type, Any] = {ListOf: [], MapOf: {}, Maybe: None}


def unheard(fields: Iterable[Field]) -> dict[str, Any]:
    """What *fields* are to a reader whose writer does not know them: their defaults, or nothing."""
    found = {}
    for field in fields:
        if not field.is_required:
            found[field.name] = meaning(field.factory() if field.factory else field.default)
        elif type(field.shape) in _EMPTY:
            found[field.name] = _EMPTY[type(field.shape)]
    return found


def meaning(value: Any) -> Any:  # noqa: PLR0911 - one kind, one answer
    """What *value* says, in a form that holds no class of a revision."""
    match value:
        case Enum():
            return Member(value.name, value.value, frozenset(type(value).__members__))
        case bytes():
            return value
        case dict():
            return {str(plain(key)): [_key(key), meaning(item)] for key, item in value.items()}
        case list() | tuple():
            return [meaning(item) for item in value]
        case set() | frozenset():
            return sorted((meaning(item) for item in value), key=repr)
        case msgspec.Struct():
            names = value.__struct_fields__
            said = {name: meaning(getattr(value, name)) for name in names}
            tag = value.__struct_config__.tag
            return Fields(said, unheard=unheard(fields_of(type(value))), tag=tag)
    return plain(value)


def _key(key: Any) -> Any:
    return meaning(key) if isinstance(key, Enum) else str(plain(key))


def agree(one: Any, other: Any) -> bool:  # noqa: PLR0911 - one kind, one answer
    """Whether *one* that was written and *other* that was read mean the same."""
    match one, other:
        case Fields(), Fields():
            return one.tag == other.tag and all(
                agree(one[name], said) if name in one else _is_unheard(other, name)
                for name, said in other.items()
            )
        case dict(), dict():
            is_same = type(one) is type(other) and one.keys() == other.keys()
            return is_same and all(agree(one[name], other[name]) for name in one)
        case list(), list():
            return len(one) == len(other) and all(map(agree, one, other))
        case Member(), Member():
            is_renamed = one.value == other.value and one.name not in other.known
            return one.name == other.name or is_renamed
        case Member(), _:
            return agree(one.value, other)
        case _, Member():
            return agree(one, other.value)
    return bool(one == other) and isinstance(one, bool) == isinstance(other, bool)


def _is_unheard(read: Fields, name: str) -> bool:
    """Whether the field *name*, which its writer does not know, was read as nobody's word."""
    return read.unheard is None or (name in read.unheard and read[name] == read.unheard[name])
