"""
Copiers, compiled from shapes: what crosses from one service to another is never shared.

What is immutable all the way down needs no copier and passes by reference; lists and dictionaries,
and records that hold them, are rebuilt. So a caller cannot tell whether the callee is in the same
process.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from outgrow.contracts import ListOf, MapOf, Maybe, RecordShape, Shape, fields_of

Copier = Callable[[Any], Any]


def compile_copier(shape: Shape) -> Copier | None:
    """What copies a value of *shape*, or None if values can be shared."""
    return _Compiler().compile(shape)


class _Compiler:
    """Compiles the copier of one shape; knows the records on the way, which may be recursive."""

    def __init__(self) -> None:
        self._records: dict[type, Copier] = {}

    def compile(self, shape: Shape) -> Copier | None:
        match shape:
            case ListOf(item=item):
                return _list_copier(self.compile(item))
            case MapOf(value=value):
                return _map_copier(self.compile(value))
            case Maybe(item=item):
                return _optional_copier(self.compile(item))
            case RecordShape(record=record):
                return self._record(record)
        return None

    def _record(self, record: type) -> Copier | None:
        if not self._is_mutable(record):
            return None
        if record not in self._records:
            # A recursive record finds this one, which looks the real one up when it is used.
            self._records[record] = self._later(record)
            self._records[record] = self._field_copier(record)
        return self._records[record]

    def _later(self, record: type) -> Copier:
        return lambda value: self._records[record](value)  # noqa: PLW0108 - looked up later

    def _field_copier(self, record: type) -> Copier:
        copiers = [
            (field.name, copier)
            for field in fields_of(record)
            if (copier := self.compile(field.shape)) is not None
        ]

        def copy(value: Any) -> Any:
            changes = {name: copier(getattr(value, name)) for name, copier in copiers}
            return msgspec.structs.replace(value, **changes)

        return copy

    def _is_mutable(self, record: type) -> bool:
        """Whether a list or dictionary can be reached from *record*."""
        return _reaches_mutable(RecordShape(record), set())


def _reaches_mutable(shape: Shape, seen: set[type]) -> bool:
    match shape:
        case ListOf() | MapOf():
            return True
        case Maybe(item=item):
            return _reaches_mutable(item, seen)
        case RecordShape(record=record) if record not in seen:
            seen.add(record)
            return any(_reaches_mutable(field.shape, seen) for field in fields_of(record))
    return False


class NotCarried(TypeError):
    """A value is no list or dictionary where its type says so; it could not cross a wire."""


def _list_copier(item: Copier | None) -> Copier:
    def copy(values: Any) -> Any:
        if not isinstance(values, list):
            raise NotCarried(f"a {type(values).__qualname__} is no list")
        return values.copy() if item is None else [item(value) for value in values]

    return copy


def _map_copier(value: Copier | None) -> Copier:
    def copy(values: Any) -> Any:
        if not isinstance(values, dict):
            raise NotCarried(f"a {type(values).__qualname__} is no dictionary")
        return values.copy() if value is None else {k: value(held) for k, held in values.items()}

    return copy


def _optional_copier(item: Copier | None) -> Copier | None:
    if item is None:
        return None
    return lambda value: None if value is None else item(value)
