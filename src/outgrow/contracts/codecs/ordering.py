"""
Equal values as equal JSON.

msgspec sorts the keys of dictionaries that are text and the members of sets that can be compared.
What else a contract carries is lowered first: into lists in order, and keys into text.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Any

import msgspec

from outgrow.contracts.codecs.plain import as_fields, as_plain
from outgrow.contracts.shapes import (
    Choice,
    ListOf,
    MapOf,
    Maybe,
    OneOf,
    OneValueOf,
    RecordShape,
    Scalar,
    Shape,
    TupleOf,
    fields_of,
    is_record,
    is_struct,
    parts_of,
    tag_of,
)

Lower = Callable[[Any], Any]

_bytes_of = msgspec.json.Encoder(order="sorted", enc_hook=as_plain).encode


def needs_order(shape: Shape) -> bool:
    """Whether a set can be reached from *shape*."""
    return _reaches(shape, _is_set, set())


def lowering(shape: Shape, order: str | None) -> Lower | None:
    """What msgspec can write in order, made of a value of *shape*; None if it can be itself."""
    if order is None and not needs_order(shape):
        return None
    return _Compiler().compile(shape)


def order_all(value: Any) -> Any:
    """What msgspec can write in order, made of a *value* whose type is not known."""
    if isinstance(value, dict):
        return {_key(key): order_all(held) for key, held in value.items()}
    if isinstance(value, list | tuple):
        return [order_all(one) for one in value]
    if isinstance(value, set | frozenset):
        return sorted(map(order_all, value), key=_bytes_of)
    if is_record(type(value)):
        tag = tag_of(type(value)) if is_struct(type(value)) else None
        own = {} if tag is None else {tag.field: tag.value}
        names = as_fields(type(value))
        return own | {encoded: order_all(getattr(value, name)) for name, encoded in names}
    return value


def _reaches(shape: Shape, found: Callable[[Shape], bool], seen: set[Any]) -> bool:
    if found(shape):
        return True
    if isinstance(shape, RecordShape):
        if shape.record in seen:
            return False
        seen.add(shape.record)
        return any(_reaches(field.shape, found, seen) for field in fields_of(shape.record))
    return any(_reaches(part, found, seen) for part in parts_of(shape))


def _is_set(shape: Shape) -> bool:
    return isinstance(shape, ListOf) and shape.kind in ("set", "frozenset")


def _is_hard(shape: Shape) -> bool:
    """Whether msgspec cannot bring *shape* into an order."""
    match shape:
        case ListOf(item=item, kind="set" | "frozenset"):
            return not _can_be_compared(item)
        case MapOf(key=key):
            return not (isinstance(key, Scalar) and key.kind == "str")
    return False


def _can_be_compared(shape: Shape) -> bool:
    match shape:
        case Scalar() | OneValueOf():
            return True
        case Choice(enum=cls):
            return issubclass(cls, str | int)
        case TupleOf(items=items):
            return all(map(_can_be_compared, items))
    return False


class _Compiler:
    """Compiles one lowering; knows the records on the way, which may hold themselves."""

    def __init__(self) -> None:
        self._records: dict[Any, Lower] = {}

    def compile(self, shape: Shape) -> Lower | None:  # noqa: PLR0911 - one shape, one answer
        if not _reaches(shape, _is_hard, set()):
            return None
        match shape:
            case ListOf(item=item, kind=kind):
                lower = self.compile(item) or _same
                if kind in ("list", "tuple"):
                    return lambda values: [lower(value) for value in values]
                return lambda values: sorted(map(lower, values), key=_bytes_of)
            case TupleOf(items=items):
                lowers = [self.compile(item) or _same for item in items]
                return lambda values: [f(v) for f, v in zip(lowers, values, strict=True)]
            case MapOf(value=value):
                lower = self.compile(value) or _same
                return lambda values: {_key(k): lower(v) for k, v in values.items()}
            case Maybe(item=item):
                lower = self.compile(item) or _same
                return lambda value: None if value is None else lower(value)
            case OneOf(members=members):
                by_class = {one.cls: self.compile(one) or _same for _, one in members}
                return lambda value: by_class[type(value)](value)
            case RecordShape():
                return self._record(shape)
        return None

    def _record(self, shape: RecordShape) -> Lower:
        if shape.record not in self._records:
            # One that holds itself finds this, which looks the real one up when it is used.
            self._records[shape.record] = lambda value: self._records[shape.record](value)  # noqa: PLW0108
            fields = [
                (field.name, field.encoded, self.compile(field.shape) or _same)
                for field in fields_of(shape.record)
            ]
            tag = tag_of(shape.record)
            names = {encoded for _, encoded, _ in fields}
            extra = {tag.field: tag.value} if tag is not None and tag.field not in names else {}
            self._records[shape.record] = lambda value: {
                **extra,
                **{encoded: lower(getattr(value, name)) for name, encoded, lower in fields},
            }
        return self._records[shape.record]


def _same(value: Any) -> Any:
    return value


def _key(key: Any) -> str:
    if isinstance(key, enum.Enum):
        return str(key.value)
    return key.isoformat() if hasattr(key, "isoformat") else str(key)
