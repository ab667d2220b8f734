"""Shapes as the type hints that people know."""

from __future__ import annotations

import enum
from collections.abc import Iterable

import msgspec

from outgrow.contracts import (
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
    parts_of,
)

_NAMES = {"decimal": "Decimal", "uuid": "UUID", "secret": "Secret[str]"}


def type_text(shape: Shape, *, is_stream: bool = False) -> str:  # noqa: C901, PLR0911 - a table
    """*shape*, or a stream of it, as it is written in Python, without limits."""
    if is_stream:
        return f"AsyncIterator[{type_text(shape)}]"
    match shape:
        case Scalar(kind=kind):
            return _NAMES.get(kind, kind)
        case Choice(enum=choice):
            return choice.__name__
        case OneValueOf(values=values):
            return f"Literal[{', '.join(map(repr, values))}]"
        case ListOf(item=item, kind="tuple"):
            return f"tuple[{type_text(item)}, ...]"
        case ListOf(item=item, kind=kind):
            return f"{kind}[{type_text(item)}]"
        case TupleOf(items=items):
            return f"tuple[{', '.join(map(type_text, items))}]"
        case MapOf(key=key, value=value):
            return f"dict[{type_text(key)}, {type_text(value)}]"
        case Maybe(item=item):
            return f"{type_text(item)} | None"
        case RecordShape():
            return shape.name
        case OneOf(members=members):
            return " | ".join(record.name for _, record in members)
        case Nothing():
            return "None"


def limits_of(shape: Shape) -> list[str]:
    """The limits of *shape* in words, and of what is in it."""
    own = [str(limit) for limit in getattr(shape, "limits", ())]
    match shape:
        case Maybe(item=item):
            return limits_of(item)
        case ListOf(item=item):
            return own + [f"each {limit}" for limit in limits_of(item)]
        case TupleOf(items=items):
            counted = enumerate(items, start=1)
            return [f"number {n} {limit}" for n, item in counted for limit in limits_of(item)]
        case MapOf(key=key, value=value):
            keys = [f"each key {limit}" for limit in limits_of(key)]
            return own + keys + [f"each value {limit}" for limit in limits_of(value)]
    return own


def text_of_default(field: Field) -> str | None:
    """The default of *field* as it is written; None if there is none."""
    if field.default is msgspec.NODEFAULT:
        return None
    default = field.default
    return str(default) if isinstance(default, enum.Enum) else repr(default)


def records_in(shapes: Iterable[Shape]) -> list[RecordShape]:
    """The records in *shapes*, and in their fields, each once, as they are met."""
    return [shape for shape in _all_of(shapes) if isinstance(shape, RecordShape)]


def choices_in(shapes: Iterable[Shape]) -> dict[str, list[str]]:
    """The values of the enumerations in *shapes*, and in fields of records there."""
    found = [shape.enum for shape in _all_of(shapes) if isinstance(shape, Choice)]
    return {choice.__name__: [str(member.value) for member in choice] for choice in found}


def _all_of(shapes: Iterable[Shape]) -> list[Shape]:
    """*shapes* and everything that they are made of, each once; records may be recursive."""
    found: dict[Shape, None] = {}
    waiting = list(shapes)
    while waiting:
        shape = waiting.pop(0)
        if shape in found:
            continue
        found[shape] = None
        waiting += parts_of(shape)
        if isinstance(shape, RecordShape):
            waiting += [field.shape for field in fields_of(shape.record)]
    return list(found)
