"""What comments of a ``.proto`` say: docs, limits and defaults."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from typing import Any

import msgspec

from outgrow.contracts.shapes import (
    Choice,
    Field,
    Limit,
    ListOf,
    MapOf,
    Maybe,
    OneValueOf,
    Scalar,
    Shape,
)


def field_doc(field: Field) -> str:
    """What a comment says about *field*: its kind, its limits and its default."""
    told = [*_told(field.shape)]
    if field.factory is None and not field.is_required and field.default is not None:
        told.append(f"default: {_shown(field.default)}")
    text = "; ".join(told)
    return f"{text[:1].upper()}{text[1:]}." if text else ""


_TEXTS = {
    "date": "a date, as in 2024-05-17",
    "time": "a time of day, as in 12:30:00",
    "decimal": "a decimal number as text",
    "uuid": "a UUID as text",
}


def _told(shape: Shape) -> Iterable[str]:
    match shape:
        case Scalar(kind=kind, limits=limits):
            if kind in _TEXTS:
                yield _TEXTS[kind]
            yield from _limits(limits)
        case OneValueOf(values=values):
            yield "one of " + ", ".join(_shown(value) for value in values)
        case Maybe(item=item):
            yield from _told(item)
        case ListOf(item=item, limits=limits, kind=kind):
            if kind in ("set", "frozenset"):
                yield "no item twice"
            yield from _limits(limits)
            yield from (f"each {text}" for text in _told(item))
        case MapOf(key=key, value=value, limits=limits):
            yield from _limits(limits)
            yield from (f"keys: {text}" for text in _key_told(key))
            yield from (f"values: {text}" for text in _told(value))


def _key_told(key: Scalar | Choice | OneValueOf) -> Iterable[str]:
    if isinstance(key, Choice):
        yield "one of " + ", ".join(_shown(member.value) for member in key.enum)
    else:
        yield from _told(key)


def _limits(limits: Iterable[Limit]) -> Iterable[str]:
    return (str(limit) for limit in limits)


def _shown(value: Any) -> str:
    """*value* as a reader of another language knows it; nothing that differs between two runs."""
    if isinstance(value, enum.Enum):
        return value.name
    try:
        text = msgspec.json.encode(value, enc_hook=lambda _: "...", order="deterministic").decode()
    except (TypeError, ValueError, OverflowError, RecursionError):
        return type(value).__name__
    return text if len(text) <= 80 else f"{text[:77]}..."
