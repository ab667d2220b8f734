"""
Which fields of a body no record has.

Records take unknown fields everywhere else, so that an old program can read what a newer one wrote.
At the edge an unknown field is a misspelt one, and is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from outgrow.contracts import (
    Field,
    ListOf,
    MapOf,
    Maybe,
    OneOf,
    RecordShape,
    Shape,
    TupleOf,
    fields_of,
)
from outgrow.gateway.schemas import tag_of_struct

Known = Callable[[Any], bool]


def field_names(shape: RecordShape) -> frozenset[str]:
    """The names that may stand in a JSON object of a record."""
    names = {field.encoded for field in fields_of(shape.record)}
    tag = tag_of_struct(shape.cls)
    return frozenset(names | {tag[0]} if tag else names)


class KnownFields:
    """
    Compiles checks of untyped JSON for unknown fields, one for each record type.

    What has not even the right form passes: the typed decoding that comes after them refuses it.
    """

    def __init__(self) -> None:
        self._records: dict[Any, Known] = {}

    def object(self, fields: Iterable[Field]) -> Known:
        """The check of an object that has *fields*."""
        own = tuple(fields)
        inner: list[tuple[str, Known]] = []
        known = _object_check(frozenset(field.encoded for field in own), inner)
        self._add(inner, own)
        return known

    def check(self, shape: Shape) -> Known | None:  # noqa: PLR0911 - one for each shape
        """The check of *shape*, or None if no record is in it."""
        match shape:
            case RecordShape():
                return self._record(shape)
            case Maybe(item=item):
                return self.check(item)
            case ListOf(item=item):
                return _each(self.check(item), list, iter)
            case TupleOf(items=items):
                return _every([self.check(item) for item in items])
            case MapOf(value=value):
                return _each(self.check(value), dict, dict.values)
            case OneOf(tag_field=field, members=members):
                return _by_tag(field, {tag: self._record(one) for tag, one in members})
        return None

    def _record(self, shape: RecordShape) -> Known:
        if shape.record not in self._records:
            inner: list[tuple[str, Known]] = []
            # Entered before its fields are read, since records may be recursive.
            self._records[shape.record] = _object_check(field_names(shape), inner)
            self._add(inner, fields_of(shape.record))
        return self._records[shape.record]

    def _add(self, inner: list[tuple[str, Known]], fields: Iterable[Field]) -> None:
        for field in fields:
            check = self.check(field.shape)
            if check is not None:
                inner.append((field.encoded, check))


def _object_check(names: frozenset[str], inner: list[tuple[str, Known]]) -> Known:
    def known(value: Any) -> bool:
        if not isinstance(value, dict):
            return True
        if not names >= value.keys():
            return False
        for name, check in inner:  # noqa: SIM110 - a generator costs more than the checks
            if name in value and not check(value[name]):
                return False
        return True

    return known


def _each(known: Known | None, kind: type, items: Callable[[Any], Iterable[Any]]) -> Known | None:
    return known and (lambda values: not isinstance(values, kind) or all(map(known, items(values))))


def _every(checks: list[Known | None]) -> Known | None:
    if not any(checks):
        return None
    found = [(n, check) for n, check in enumerate(checks) if check is not None]
    return lambda values: (
        not isinstance(values, list)
        or all(check(values[n]) for n, check in found if n < len(values))
    )


def _by_tag(field: str, checks: dict[str, Known]) -> Known:
    def known(value: Any) -> bool:
        tag = value.get(field) if isinstance(value, dict) else None
        check = checks.get(tag) if isinstance(tag, str) else None
        return check is None or check(value)

    return known
