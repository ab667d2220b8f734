"""From the models of contracts to their description."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from typing import Any

import msgspec

from outgrow.contracts.descriptions.constants import constant, limits_of
from outgrow.contracts.descriptions.description import (
    ContractDescription,
    EnumDescription,
    EnumType,
    EventDescription,
    FieldDescription,
    ListType,
    LiteralType,
    MapType,
    MethodDescription,
    NothingType,
    OptionalType,
    ProblemDescription,
    RecordDescription,
    RecordType,
    ScalarType,
    ServiceDescription,
    TupleType,
    Type,
    UnionType,
)
from outgrow.contracts.descriptions.fingerprints import fingerprint_of
from outgrow.contracts.descriptions.names import (
    member_name,
    reply_message,
    request_message,
    union_message,
)
from outgrow.contracts.descriptions.numbers import Numbers, NumbersByPackage
from outgrow.contracts.model import ContractModel, EventModel, Method
from outgrow.contracts.places import place_of
from outgrow.contracts.problems import Problem, problem_schema_fields
from outgrow.contracts.shapes import (
    Choice,
    Field,
    ListOf,
    MapOf,
    Maybe,
    Nothing,
    OneOf,
    OneValueOf,
    RecordShape,
    Scalar,
    Shape,
    TupleOf,
    fields_of,
)

_EMPTY: tuple[Any, ...] = (list, dict, set, frozenset, tuple)
"""Factories whose default is always the same."""


def describe_service(
    application: str,
    service: str,
    models: Iterable[ContractModel],
    numbers: NumbersByPackage,
    *,
    with_places: bool = True,
) -> ServiceDescription:
    """
    All that *models*, the contracts of one service, promise to others.

    Args:
        application: The name of the application.
        service: The short name of the service.
        models: Its contracts of all versions.
        numbers: The numbers that their messages' fields have already.
        with_places: Whether to say where things stand, which is found by reading source files.
    """
    contracts, events = {}, {}
    for model in models:
        own = numbers.get(f"{model.service}.v{model.version}") or Numbers()
        contracts[f"v{model.version}.{model.name}"] = _contract(model, own, with_places=with_places)
        for event in model.events:
            if event.type not in events:
                events[event.type] = _event(event, with_places=with_places)
    return ServiceDescription(
        application=application, service=service, contracts=contracts, events=events
    )


def _contract(model: ContractModel, numbers: Numbers, *, with_places: bool) -> ContractDescription:
    # What only problems speak of is found last: it is only ever JSON and has no numbers.
    types = _Types(numbers, with_places=with_places)
    methods = {method.name: _method(method, types) for method in model.methods.values()}
    types.numbers = None
    problems = {
        name: _problem(problem, types)
        for method in model.methods.values()
        for name, problem in method.problems.items()
    }
    description = ContractDescription(
        name=model.name,
        version=model.version,
        methods=methods,
        records=types.records,
        enums=types.enums,
        problems=problems,
        doc=model.doc,
        place=model.place if with_places else "",
    )
    return msgspec.structs.replace(description, fingerprint=fingerprint_of(description).hex())


def _method(method: Method, types: _Types) -> MethodDescription:
    return MethodDescription(
        kind=method.kind,
        repeat=method.repeat,
        parameters=_parameters(method, types),
        is_reply_stream=method.is_reply_stream,
        reply=types.type(reply_message(method.name), "value", method.reply),
        http=f"{method.http.verb} {method.http.path}" if method.http else "",
        allow=method.allow,
        problems=sorted(method.problems),
        deadline_seconds=method.deadline_seconds,
        doc=method.doc,
        place=method.place if types.with_places else "",
    )


def _parameters(method: Method, types: _Types) -> list[FieldDescription]:
    """The parameters of *method*; that of a stream is told by what its items are."""
    fields = [Field(one.name, one.shape, one.default) for one in method.parameters]
    told = types.fields(request_message(method.name), fields)
    streams = [each.is_stream for each in method.parameters]
    return [
        msgspec.structs.replace(field, is_stream=True) if is_stream else field
        for field, is_stream in zip(told, streams, strict=True)
    ]


def _problem(problem: type[Problem], types: _Types) -> ProblemDescription:
    return ProblemDescription(
        status=problem.status,
        fields=types.fields(problem.__name__, problem_schema_fields(problem)),
        doc=doc_of(problem),
        place=types.place(problem),
    )


def _event(model: EventModel, *, with_places: bool) -> EventDescription:
    types = _Types(None, with_places=with_places)
    return EventDescription(
        key=model.event.__outgrow_key__,  # type: ignore[attr-defined]
        fields=types.fields(model.event.__name__, model.fields),
        schema=getattr(model, "schema", 1),
        aliases=sorted(getattr(model, "aliases", ())),
        upcasts=sorted(getattr(model, "upcasts", ())),
        records=types.records,
        enums=types.enums,
        doc=model.doc,
        place=types.place(model.event),
    )


class _Types:
    """
    Describes shapes, and collects what they speak of.

    Attributes:
        numbers: Those of the package; None while there is only JSON.
        records: The records found on the way, by name.
        enums: Likewise.
    """

    def __init__(self, numbers: Numbers | None, *, with_places: bool) -> None:
        self.numbers = numbers
        self.with_places = with_places
        self.records: dict[str, RecordDescription] = {}
        self.enums: dict[str, EnumDescription] = {}

    def place(self, cls: type) -> str:
        return place_of(cls) if self.with_places else ""

    def fields(self, message: str, fields: Iterable[Field]) -> list[FieldDescription]:
        fields = list(fields)
        numbers = self._numbers_of(message, [field.name for field in fields])
        return [self._field(message, field, numbers.get(field.name, 0)) for field in fields]

    def type(self, message: str, field: str, shape: Shape) -> Type:
        return _FieldTypes(self, message, field).type(shape)

    def record(self, shape: RecordShape) -> RecordType:
        if shape.name not in self.records:
            doc, place = doc_of(shape.cls), self.place(shape.cls)
            self.records[shape.name] = RecordDescription(fields=[])  # it may hold itself
            fields = self.fields(shape.name, fields_of(shape.record))
            self.records[shape.name] = RecordDescription(fields=fields, doc=doc, place=place)
        return RecordType(name=shape.name)

    def enum(self, shape: Choice) -> EnumType:
        cls = shape.enum
        values = {member.name: member.value for member in cls}
        self.enums.setdefault(
            cls.__name__,
            EnumDescription(
                values=values,
                numbers=self._numbers_of(cls.__name__, values),
                doc=doc_of(cls),
                place=self.place(cls),
            ),
        )
        return EnumType(name=cls.__name__)

    def union(self, shape: OneOf, message: str) -> UnionType:
        members = {tag: self.record(record).name for tag, record in shape.members}
        known = self._numbers_of(message, map(member_name, members))
        numbers = {tag: known[member_name(tag)] for tag in members} if known else {}
        return UnionType(tag_field=shape.tag_field, members=members, numbers=numbers)

    def _numbers_of(self, message: str, names: Iterable[str]) -> dict[str, int]:
        return {} if self.numbers is None else self.numbers.of(message, names)

    def _field(self, message: str, field: Field, number: int) -> FieldDescription:
        is_made = field.factory is not None and field.factory not in _EMPTY
        has_default = not field.is_required and not is_made
        return FieldDescription(
            name=field.name,
            type=self.type(message, field.name, field.shape),
            number=number,
            default=constant(field.default) if has_default else msgspec.UNSET,
            is_made=is_made,
            encoded=field.encoded if field.encoded != field.name else "",
        )


class _FieldTypes:
    """Describes the type of one field; counts its unions, each of which has its own message."""

    def __init__(self, types: _Types, message: str, field: str) -> None:
        self._types = types
        self._message = message
        self._field = field
        self._unions = 0

    def type(self, shape: Shape) -> Type:  # noqa: C901, PLR0911 - one shape, one answer
        match shape:
            case Scalar(kind=kind, limits=limits):
                return ScalarType(kind=kind, limits=limits_of(limits))
            case Choice():
                return self._types.enum(shape)
            case OneValueOf(values=values):
                return LiteralType(values=list(values))
            case ListOf(item=item, limits=limits, kind=kind):
                return ListType(item=self.type(item), collection=kind, limits=limits_of(limits))
            case TupleOf(items=items):
                return TupleType(items=[self.type(item) for item in items])
            case MapOf(key=key, value=value, limits=limits):
                return MapType(key=self.type(key), value=self.type(value), limits=limits_of(limits))
            case Maybe(item=item):
                return OptionalType(item=self.type(item))
            case RecordShape():
                return self._types.record(shape)
            case OneOf():
                self._unions += 1
                message = union_message(self._message, self._field, self._unions)
                return self._types.union(shape, message)
            case Nothing():
                return NothingType()


def doc_of(cls: type) -> str:
    """The docstring of *cls* itself, without indentation; not what Python writes for it."""
    doc = cls.__dict__.get("__doc__") or ""
    is_pythons_own = doc.startswith(f"{cls.__name__}(") or doc == "An enumeration."
    return "" if is_pythons_own else inspect.cleandoc(doc)
