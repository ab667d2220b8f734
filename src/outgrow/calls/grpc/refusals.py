"""
What exactly does not fit, and where: asked only after a converter has refused.

The converters are fast and say nothing; these walk over the same shapes slowly and name
every place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

from outgrow.contracts import (
    Choice,
    Field,
    ListOf,
    MapOf,
    Maybe,
    Nothing,
    RecordShape,
    Scalar,
    Shape,
    fields_of,
)

FINDINGS_MAX = 10
DEPTH_MAX = 100
"""How deep protobuf lets messages lie in each other."""

_INT64 = range(-(2**63), 2**63)

Findings = list[tuple[str, str]]
"""``(place, message)`` for each part that does not fit."""

Found = Iterator[tuple[str, str]]


def find_in_value(shape: Shape, value: Any, place: str) -> Findings:
    """``(place, message)`` for the first ten parts of *value* that its message cannot hold."""
    return _first(_in_value(shape, value, place, 0))


def find_in_message(fields: Iterable[Field], message: Any) -> Findings:
    """``(place, message)`` for the first ten parts of *message* that are missing or unknown."""
    return _first(_in_message(fields, message, ""))


def _first(found: Found) -> Findings:
    return [finding for _, finding in zip(range(FINDINGS_MAX), found, strict=False)]


def _in_value(  # noqa: C901, PLR0912 - one shape, one case
    shape: Shape, value: Any, place: str, depth: int
) -> Found:
    if depth > DEPTH_MAX:
        yield place[:80], f"lies more than {DEPTH_MAX} deep; make it flatter"
        return
    match shape:
        case Maybe(item=item):
            if value is not None:
                yield from _in_value(item, value, place, depth)
        case ListOf(item=item) if type(value) is list:
            for n, part in enumerate(value):
                yield from _in_value(item, part, f"{place}[{n}]", depth + 1)
        case MapOf(value=item) if type(value) is dict:
            for key, part in value.items():
                yield from _in_value(Scalar("str"), key, f"{place} key", depth + 1)
                yield from _in_value(item, part, f"{place}[{key!r}]", depth + 1)
        case RecordShape(record=record) if type(value) is record:
            for field in fields_of(record):
                part = getattr(value, field.name)
                yield from _in_value(field.shape, part, f"{place}.{field.name}", depth + 1)
        case Scalar(kind=kind) if type(value) in _EXACT[kind] or isinstance(value, _BELOW[kind]):
            if text := _TOO_MUCH[kind](value):
                yield place, text
        case Choice(enum=enum) if type(value) is enum:
            return
        case Nothing() if value is None:
            return
        case _:
            yield place, f"{_shown(value)} is no {_wanted(shape)}"


_EXACT: dict[str, tuple[type, ...]] = {
    "bool": (bool,),
    "int": (int,),
    "float": (int,),
    "str": (),
    "bytes": (),
    "datetime": (),
}
_BELOW: dict[str, tuple[type, ...]] = {
    "bool": (),
    "int": (),
    "float": (float,),
    "str": (str,),
    "bytes": (bytes,),
    "datetime": (datetime,),
}


def _int_text(value: int) -> str | None:
    return None if value in _INT64 else f"{_shown(value)} does not fit into 64 bits"


def _float_text(value: float) -> str | None:
    try:
        fits = value != value or float(value) == value  # noqa: PLR0124 - NaN fits
    except OverflowError:
        fits = False
    return None if fits else f"{_shown(value)} cannot be a float without loss"


def _str_text(value: str) -> str | None:
    try:
        value.encode()
    except UnicodeEncodeError:
        return f"{_shown(value)} holds half of a surrogate pair, which is no text"
    return None


def _datetime_text(value: datetime) -> str | None:
    if value.utcoffset() is None:
        return f"{value} has no time zone; times are aware, in UTC"
    try:
        value.astimezone(UTC)
    except OverflowError:
        return f"{value} lies outside of the years 1 to 9999 in UTC"
    return None


_TOO_MUCH: dict[str, Callable[[Any], str | None]] = {
    "bool": lambda _: None,
    "int": _int_text,
    "float": _float_text,
    "str": _str_text,
    "bytes": lambda _: None,
    "datetime": _datetime_text,
}


def _wanted(shape: Shape) -> str:
    match shape:
        case Scalar(kind=kind):
            return kind
        case Choice(enum=enum):
            return enum.__name__
        case RecordShape(record=record):
            return record.__name__
        case ListOf():
            return "list"
        case MapOf():
            return "dict"
    return "None"


def _shown(value: object) -> str:
    if isinstance(value, int) and value.bit_length() > 200:
        return f"an int of {value.bit_length()} bits"
    text = ascii(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _in_message(fields: Iterable[Field], message: Any, place: str) -> Found:
    for field in fields:
        yield from _in_field(field, message, f"{place}.{field.name}" if place else field.name)


def _in_field(field: Field, message: Any, place: str) -> Found:
    shape = field.shape.item if isinstance(field.shape, Maybe) else field.shape
    many = isinstance(shape, ListOf | MapOf)
    if isinstance(shape, Nothing):
        return
    if (shape is not field.shape or not many) and not message.HasField(field.name):
        if shape is field.shape and field.is_required:
            yield place, "is missing"
        return
    found = getattr(message, field.name)
    if not many:
        yield from _in_part(shape, found, place)
        return
    parts = found if shape is field.shape else found.items
    for n, part in enumerate(parts):
        if isinstance(shape, MapOf):
            yield from _in_part(shape.value, part.value, f"{place}[{part.key!r}]")
        elif isinstance(shape, ListOf):
            yield from _in_part(shape.item, part, f"{place}[{n}]")


def _in_part(shape: Shape, found: Any, place: str) -> Found:
    match shape:
        case RecordShape(record=record):
            yield from _in_message(fields_of(record), found, place)
        case Choice(enum=enum) if not 1 <= found <= len(enum):
            yield place, f"{found} is no number of {enum.__name__}"
        case Scalar(kind="datetime") if not _SECONDS[0] <= found.seconds <= _SECONDS[1]:
            yield place, f"{found.seconds} s lies outside of the years 1 to 9999"


_SECONDS = (-62135596800, 253402300799)
