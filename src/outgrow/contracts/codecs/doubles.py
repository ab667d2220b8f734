"""
What stands twice in JSON that comes from outside.

Of two equal keys in an object, and of two equal values in a set, a decoder keeps one; which one the
sender meant nobody knows. So both are refused.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import msgspec

from outgrow.contracts.codecs.misfits import TOO_DEEP, Misfit
from outgrow.contracts.shapes import (
    ListOf,
    MapOf,
    Maybe,
    OneOf,
    RecordShape,
    Scalar,
    Shape,
    TupleOf,
    fields_of,
    parts_of,
)

Doubles = Callable[[Any, Any], object]

_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


def refuse_duplicates(body: bytes | str) -> Any:
    """
    The value of *body* without types, seen to have no key twice in one object.

    Raises:
        Misfit: A key stands twice, or the value is nested too deeply.
        msgspec.DecodeError: It is no JSON.
    """
    try:
        value = _decode(body)
        text = body.encode() if isinstance(body, str) else body
        # Encoded again it has as many colons, unless a key was dropped with its own colon; or one
        # was written in a way that hides it.
        if text.count(b":") == _encode(value).count(b":") and not (
            b"\\" in text and b"\\u003" in text
        ):
            return value
        json.loads(body, object_pairs_hook=_pairs, parse_int=str, parse_float=str)
    except RecursionError:
        raise Misfit([("", TOO_DEEP)]) from None
    except UnicodeDecodeError as error:
        raise msgspec.DecodeError(f"it is no UTF-8: {error}") from None
    return value


def _pairs(pairs: list[tuple[str, Any]]) -> None:
    names = [name for name, _ in pairs]
    if len(set(names)) < len(names):
        double = next(name for n, name in enumerate(names) if name in names[:n])
        shown = double if len(double) <= 80 else f"{double[:77]}..."
        raise Misfit([("", f"key {shown!r} stands twice in one object")])


def compile_doubles(shape: Shape) -> Doubles | None:
    """
    What compares a decoded value of *shape* with its untyped one; None if nothing can be lost.

    Members of a set, or keys that are no text, may be written in two ways and still be equal.
    """
    return _Compiler().compile(shape)


class _Compiler:
    """Compiles one comparison; knows the records on the way, which may hold themselves."""

    def __init__(self) -> None:
        self._records: dict[Any, Doubles] = {}

    def compile(self, shape: Shape) -> Doubles | None:  # noqa: PLR0911 - one shape, one answer
        if not _can_lose(shape, set()):
            return None
        match shape:
            case ListOf(item=item, kind="list" | "tuple"):
                return _each(self.compile(item))
            case ListOf():
                return _same_size
            case TupleOf(items=items):
                return _every([self.compile(item) for item in items])
            case MapOf(value=value):
                return _values(self.compile(value))
            case Maybe(item=item):
                inner = self.compile(item)
                return inner and (lambda value, raw: value is None or inner(value, raw))
            case OneOf(members=members):
                found = {one.cls: self.compile(one) for _, one in members}
                return lambda value, raw: (found[type(value)] or _nothing)(value, raw)
            case RecordShape():
                return self._record(shape)
        return None

    def _record(self, shape: RecordShape) -> Doubles:
        if shape.record not in self._records:
            # One that holds itself finds this, which looks the real one up when it is used.
            self._records[shape.record] = lambda value, raw: self._records[shape.record](value, raw)  # noqa: PLW0108
            self._records[shape.record] = _fields(
                [
                    (field.name, field.encoded, inner)
                    for field in fields_of(shape.record)
                    if (inner := self.compile(field.shape)) is not None
                ]
            )
        return self._records[shape.record]


def _can_lose(shape: Shape, seen: set[Any]) -> bool:
    match shape:
        case ListOf(kind="set" | "frozenset"):
            return True
        case MapOf(key=key) if key != Scalar("str"):
            return True
        case RecordShape(record=record):
            if record in seen:
                return False
            seen.add(record)
            return any(_can_lose(field.shape, seen) for field in fields_of(record))
    return any(_can_lose(part, seen) for part in parts_of(shape))


def _same_size(value: Any, raw: Any) -> None:
    if len(value) != len(raw):
        raise Misfit([("", "of the members of this set, some are equal")])


def _nothing(value: Any, raw: Any) -> None:
    """Nothing can be lost."""


def _each(inner: Doubles | None) -> Doubles:
    def compare(values: Any, raw: Any) -> None:
        for n, (value, own) in enumerate(zip(values, raw, strict=True)):
            _below(inner, value, own, f"[{n}]")

    return compare


def _every(inner: list[Doubles | None]) -> Doubles:
    def compare(values: Any, raw: Any) -> None:
        for n, (one, value, own) in enumerate(zip(inner, values, raw, strict=True)):
            _below(one, value, own, f"[{n}]")

    return compare


def _values(inner: Doubles | None) -> Doubles:
    def compare(values: dict[Any, Any], raw: dict[str, Any]) -> None:
        if len(values) != len(raw):
            raise Misfit([("", "two keys of this object mean the same")])
        for value, (key, own) in zip(values.values(), raw.items(), strict=True):
            _below(inner, value, own, f"[{key!r}]")

    return compare


def _fields(fields: list[tuple[str, str, Doubles]]) -> Doubles:
    def compare(value: Any, raw: dict[str, Any]) -> None:
        for name, encoded, inner in fields:
            if encoded in raw:
                _below(inner, getattr(value, name), raw[encoded], f".{encoded}")

    return compare


def _below(inner: Doubles | None, value: Any, raw: Any, place: str) -> None:
    if inner is None:
        return
    try:
        inner(value, raw)
    except Misfit as misfit:
        raise misfit.below(place) from None
