"""The contracts of a program, with who calls their methods and who hears their events."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path

import msgspec

from outgrow.contracts import (
    ContractModel,
    EventModel,
    Field,
    Method,
    Parameter,
    Shape,
    fields_of,
)
from outgrow.errors import Finding, InvalidTopology
from outgrow.process.checking import CallGraph, Sources, place_of_method
from outgrow.process.loading import load_services
from outgrow.process.service import ServiceModel
from outgrow.process.showing.wording import (
    choices_in,
    limits_of,
    records_in,
    text_of_default,
    type_text,
)
from outgrow.topology import read_topology


class ShownField(msgspec.Struct, frozen=True, kw_only=True):
    """A parameter of a method, or a field of an event or a record."""

    name: str
    type: str
    limits: list[str]
    default: str | None

    def __str__(self) -> str:
        default = "" if self.default is None else f" = {self.default}"
        return f"{self.name}: {self.type}{default}"


class ShownUse(msgspec.Struct, frozen=True, kw_only=True):
    """
    Who calls a method or hears an event.

    Attributes:
        by: ``service.method``.
        place: ``file:line`` of the call, or of the handler.
        through: What lies between a caller and its call: own methods and functions.
        is_sent: Whether it is sent by ``tx.send``.
    """

    by: str
    place: str
    through: list[str] = []
    is_sent: bool = False


class ShownMethod(msgspec.Struct, frozen=True, kw_only=True):
    """A method; *problems* are the declared ones with their status."""

    name: str
    kind: str
    repeat: str
    parameters: list[ShownField]
    reply: str
    http: str | None
    allow: str | None
    deadline_seconds: float | None
    problems: dict[str, str]
    doc: str
    place: str
    called_by: list[ShownUse]

    @property
    def signature(self) -> str:
        """As it is written in Python, without limits."""
        return f"{self.name}({', '.join(map(str, self.parameters))}) -> {self.reply}"


class ShownEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An event that leaves its service."""

    type: str
    key: str | None
    schema: int
    aliases: list[str]
    fields: list[ShownField]
    doc: str
    heard_by: list[ShownUse]


class ShownContract(msgspec.Struct, frozen=True, kw_only=True):
    """A contract."""

    name: str
    version: int
    methods: list[ShownMethod]
    doc: str
    place: str


class ShownService(msgspec.Struct, frozen=True, kw_only=True):
    """
    A service.

    Attributes:
        name: Its short name.
        package: Its package or module.
        contracts: What it keeps.
        events: What others can hear of it.
        records: The fields of what its contracts and events carry, by the names on the wire.
        choices: The values of enumerations there.
        calls: The methods of others that it calls or sends.
    """

    name: str
    package: str
    contracts: list[ShownContract]
    events: list[ShownEvent]
    records: dict[str, list[ShownField]]
    choices: dict[str, list[str]]
    calls: list[str]


def read_catalogue(file: Path, only: str | None = None) -> list[ShownService]:
    """
    What the services of the program that *file* names promise.

    Args:
        only: The short name of one service; else all are told.

    Raises:
        DefinitionError: The program cannot be loaded, or has no such service.
    """
    plan = read_topology(file)
    if only is not None and only not in plan.services:
        raise InvalidTopology([_unknown(str(plan.file), only, list(plan.services))])
    services = load_services(plan)
    graph = CallGraph(services, Sources(plan.services))
    return [
        _service(name, [s for s in services if s.name == name], graph, services)
        for name in plan.services
        if only in (None, name)
    ]


def _unknown(place: str, name: str, known: list[str]) -> Finding:
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return Finding(
        place=place,
        message=f"the application has no service {name!r}.",
        remedy=(f"Did you mean {close[0]}? " if close else "") + f"Services: {', '.join(known)}.",
        slug="unknown-service",
    )


def _service(
    name: str, classes: list[ServiceModel], graph: CallGraph, services: list[ServiceModel]
) -> ShownService:
    contracts = [contract for cls in classes for contract in cls.contracts]
    events = {event.type: event for contract in contracts for event in contract.events}
    shapes = [shape for contract in contracts for shape in _shapes(contract)]
    own = {cls.cls for cls in classes}
    calls = {call.callee_name for call in graph.calls if call.caller[0] in own}
    return ShownService(
        name=name,
        package=next((cls.package for cls in classes), name),
        contracts=[_contract(contract, graph) for contract in contracts],
        events=[_event(event, services, graph) for event in events.values()],
        records={r.name: _fields(fields_of(r.record)) for r in records_in(shapes)},
        choices=choices_in(shapes),
        calls=sorted(calls),
    )


def _shapes(contract: ContractModel) -> list[Shape]:
    methods = contract.methods.values()
    inside = [parameter.shape for method in methods for parameter in method.parameters]
    replies = [method.reply for method in methods]
    return [*inside, *replies, *(f.shape for event in contract.events for f in event.fields)]


def _contract(contract: ContractModel, graph: CallGraph) -> ShownContract:
    return ShownContract(
        name=contract.name,
        version=contract.version,
        methods=[_method(contract, method, graph) for method in contract.methods.values()],
        doc=contract.doc,
        place=contract.place,
    )


def _method(contract: ContractModel, method: Method, graph: CallGraph) -> ShownMethod:
    return ShownMethod(
        name=method.name,
        kind=method.kind,
        repeat=method.repeat,
        parameters=[_parameter(parameter) for parameter in method.parameters],
        reply=type_text(method.reply, is_stream=method.is_reply_stream),
        http=f"{method.http.verb} {method.http.path}" if method.http else None,
        allow=method.allow,
        deadline_seconds=method.deadline_seconds,
        problems={name: problem.status for name, problem in method.problems.items()},
        doc=method.doc,
        place=method.place,
        called_by=[
            ShownUse(
                by=call.caller_name,
                place=call.place,
                through=list(call.through),
                is_sent=call.is_sent,
            )
            for call in graph.callers_of(contract.contract, method.name)
        ],
    )


def _event(event: EventModel, services: list[ServiceModel], graph: CallGraph) -> ShownEvent:
    hearing = [
        (service.cls, method)
        for service in services
        for handler in service.handlers
        if event.event in handler.events
        for method in handler.methods
    ]
    return ShownEvent(
        type=event.type,
        key=event.key,
        schema=event.schema,
        aliases=list(event.aliases),
        fields=_fields(event.fields),
        doc=event.doc,
        heard_by=[
            ShownUse(by=graph.name_of(node), place=place_of_method(node)) for node in hearing
        ],
    )


def _parameter(parameter: Parameter) -> ShownField:
    if not parameter.is_stream:
        return _field(parameter.field)
    limits = [f"each {limit}" for limit in limits_of(parameter.shape)]
    shown = type_text(parameter.shape, is_stream=True)
    return ShownField(name=parameter.name, type=shown, limits=limits, default=None)


def _fields(fields: Iterable[Field]) -> list[ShownField]:
    return [_field(field) for field in fields]


def _field(field: Field) -> ShownField:
    return ShownField(
        name=field.name,
        type=type_text(field.shape),
        limits=limits_of(field.shape),
        default=text_of_default(field),
    )
