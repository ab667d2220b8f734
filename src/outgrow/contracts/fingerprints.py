"""Fingerprints of contracts: whether two processes mean the same by a call."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable
from typing import Any

import msgspec

from outgrow.contracts.model import Method
from outgrow.contracts.problems import Problem, problem_schema_fields
from outgrow.contracts.shapes import (
    Choice,
    Field,
    Limit,
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

FINGERPRINT_BYTES = 16

_encode = msgspec.json.Encoder(order="sorted", enc_hook=str).encode


def fingerprint(name: str, version: int, methods: Iterable[Method]) -> bytes:
    """
    What two processes compare before one calls the other.

    It covers what a call means: names, parameters with their defaults and limits, replies, problems
    and what is promised about repeats, through all records. It leaves out what may differ without
    harm: texts, places in files, the order of methods, paths over HTTP, permissions, deadlines, and
    events, which are read by name. It is the same in every process, on every version of Python.

    Args:
        name: ``service.Contract``.
    """
    return hashlib.sha256(canonical(name, version, methods)).digest()[:FINGERPRINT_BYTES]


def canonical(name: str, version: int, methods: Iterable[Method]) -> bytes:
    """The JSON that the fingerprint is taken of."""
    records: dict[type, Any] = {}
    by_name = sorted(methods, key=lambda method: method.name)
    told = {method.name: _method(method, records) for method in by_name}
    content = {"contract": name, "version": version, "methods": told}
    return _encode(content | {"records": list(records.values())})


def _method(method: Method, records: dict[type, Any]) -> dict[str, Any]:
    problems = sorted(method.problems.items())
    return {
        "kind": method.kind,
        "repeat": method.repeat,
        "parameters": _fields((p.field for p in method.parameters), records),
        "reply": _shape(method.reply, records),
        "problems": {name: _problem(problem, records) for name, problem in problems},
    }


def _problem(problem: type[Problem], records: dict[type, Any]) -> dict[str, Any]:
    fields = _fields(problem_schema_fields(problem), records)
    return {"status": problem.status, "fields": fields}


def _fields(
    fields: Iterable[Field], records: dict[type, Any], made: Collection[str] = ()
) -> list[Any]:
    """In their order, which decides about their numbers on the wire."""
    return [[field.name, _shape(field.shape, records), *_default(field, made)] for field in fields]


def _default(field: Field, made: Collection[str]) -> list[str]:
    """Nothing if there is none; what a function makes may be another in each process."""
    if field.is_required:
        return []
    return ["made"] if field.name in made else ["default", _constant(field.default)]


def _constant(value: Any) -> str:
    try:
        return _encode(value).decode()
    except (TypeError, ValueError, OverflowError):
        return ascii(value)  # It is no JSON, such as an int beyond 64 bits.


def _shape(  # noqa: PLR0911 - one shape, one answer
    shape: Shape, records: dict[type, Any]
) -> Any:
    match shape:
        case Scalar(kind=kind, limits=limits):
            return [kind, _limits(limits)]
        case Choice(enum=enum):
            return ["choice", enum.__name__, [member.value for member in enum]]
        case ListOf(item=item, limits=limits):
            return ["list", _shape(item, records), _limits(limits)]
        case MapOf(value=value, limits=limits):
            return ["map", _shape(value, records), _limits(limits)]
        case Maybe(item=item):
            return ["maybe", _shape(item, records)]
        case RecordShape(record=record):
            return ["record", _record(record, records)]
        case OneValueOf(values=values):
            return ["one", list(values)]
        case TupleOf(items=items):
            return ["tuple", [_shape(item, records) for item in items]]
        case OneOf(tag_field=field, members=members):
            return ["union", field, [[tag, _shape(one, records)] for tag, one in members]]
        case Nothing():
            return ["nothing"]


def _limits(limits: Iterable[Limit]) -> dict[str, Any]:
    return {limit.name: _constant(limit.value) for limit in limits}


def _record(record: type, records: dict[type, Any]) -> int:
    """The number of *record*, by which it is told once; it may hold itself."""
    if record not in records:
        name = RecordShape(record).name
        records[record] = told = {"name": name, "number": len(records)}
        fields = fields_of(record)
        made = {field.name for field in fields if field.factory is not None}
        told["fields"] = _fields(fields, records, made)
    number: int = records[record]["number"]
    return number
