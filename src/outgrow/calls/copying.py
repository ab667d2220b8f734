"""
Copiers, compiled from shapes: what crosses from one service to another is never shared.

What is immutable all the way down needs no copier and passes by reference; lists, sets and
dictionaries, and records that hold them or can be changed themselves, are rebuilt. So a caller
cannot tell whether the callee is in the same process.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from outgrow.contracts import (
    ListOf,
    MapOf,
    Maybe,
    OneOf,
    RecordShape,
    Shape,
    TupleOf,
    fields_of,
    is_frozen,
    is_struct,
    maker,
    parts_of,
)

Copier = Callable[[Any], Any]

_COLLECTIONS: dict[str, type] = {
    "list": list,
    "tuple": tuple,
    "set": set,
    "frozenset": frozenset,
}


class NotCarried(TypeError):
    """A value is not what its type says; it could not cross a wire."""


def compile_copier(shape: Shape) -> Copier | None:
    """
    What copies a value of *shape*, or None if values can be shared.

    A copier raises `NotCarried` for what is no collection where its type says so, for a record of
    another class than it says, a subclass too, as wires do, and
    `msgspec.ValidationError` for a record that its own class refuses by now.
    """
    return _Compiler().compile(shape) or _compile_guard(shape)


def _compile_guard(shape: Shape) -> Copier | None:
    """What sees that a collection that can be shared is not another one, which cannot."""
    match shape:
        case ListOf(kind=kind):
            cls = _COLLECTIONS[kind]
        case TupleOf():
            cls = tuple
        case Maybe(item=item):
            return _optional(_compile_guard(item))
        case _:
            return None
    return lambda values: _seen_to_be(cls, values)


def _seen_to_be(cls: type, values: Any) -> Any:
    if not isinstance(values, cls):
        raise NotCarried(f"a {type(values).__qualname__} is no {_WORDS.get(cls, cls.__name__)}")
    return values


_WORDS: dict[type, str] = {dict: "dictionary"}


class _Compiler:
    """Compiles the copier of one shape; knows the records on the way, which may be recursive."""

    def __init__(self) -> None:
        self._records: dict[Any, Copier] = {}

    def compile(self, shape: Shape) -> Copier | None:  # noqa: PLR0911 - one shape, one answer
        match shape:
            case ListOf(item=item, kind="list"):
                return _list_copier(self.compile(item))
            case ListOf(item=item, kind=kind):
                return _collection_copier(self.compile(item), kind)
            case TupleOf(items=items):
                return _tuple_copier([self.compile(item) for item in items])
            case MapOf(value=value):
                return _map_copier(self.compile(value))
            case Maybe(item=item):
                return _optional(self.compile(item))
            case RecordShape():
                return self._record(shape)
            case OneOf(members=members):
                return _member_copier({one.cls: self._record(one) for _, one in members})
        return None

    def _record(self, shape: RecordShape) -> Copier | None:
        if not _reaches_mutable(shape, set()):
            return None
        if shape.record not in self._records:
            # A recursive record finds this one, which looks the real one up when it is used.
            self._records[shape.record] = lambda value: self._records[shape.record](value)  # noqa: PLW0108
            self._records[shape.record] = self._field_copier(shape)
        return self._records[shape.record]

    def _field_copier(self, shape: RecordShape) -> Copier:
        fields = [(field.name, self.compile(field.shape)) for field in fields_of(shape.record)]
        copiers = [(name, copier) for name, copier in fields if copier is not None]
        cls: Any = shape.cls
        if is_struct(cls):

            def copy(value: Any) -> Any:
                if type(value) is not cls:
                    raise _other_class(value, shape)
                changes = {name: copier(getattr(value, name)) for name, copier in copiers}
                return msgspec.structs.replace(value, **changes)

            return copy
        make, names = maker(cls), [name for name, _ in fields]

        def make_again(value: Any) -> Any:
            if type(value) is not cls:
                raise _other_class(value, shape)
            try:
                own = {name: getattr(value, name) for name in names}
            except AttributeError as error:
                raise NotCarried(f"a {shape.name} is not whole: {error}") from None
            for name, copier in copiers:
                own[name] = copier(own[name])
            return make(own)

        return make_again


def _other_class(value: Any, shape: RecordShape) -> NotCarried:
    own = type(value).__qualname__
    if not isinstance(value, shape.cls):
        return NotCarried(f"a {own} is no {shape.name}")
    return NotCarried(
        f"a {own} has fields that {shape.name} has not, or means something else: give exactly a "
        f"{shape.name}"
    )


def _reaches_mutable(shape: Shape, seen: set[Any]) -> bool:
    match shape:
        case ListOf(kind="list" | "set") | MapOf():
            return True
        case RecordShape(record=record):
            if record in seen:
                return False
            seen.add(record)
            if not is_frozen(shape.cls):
                return True
            return any(_reaches_mutable(field.shape, seen) for field in fields_of(record))
    return any(_reaches_mutable(part, seen) for part in parts_of(shape))


def _list_copier(item: Copier | None) -> Copier:
    def copy(values: Any) -> Any:
        if not isinstance(values, list):
            raise NotCarried(f"a {type(values).__qualname__} is no list")
        return values.copy() if item is None else [item(value) for value in values]

    return copy


def _collection_copier(item: Copier | None, kind: str) -> Copier | None:
    cls = _COLLECTIONS[kind]
    if item is None and cls is not set:
        return None

    def copy(values: Any) -> Any:
        _seen_to_be(cls, values)
        return cls(values) if item is None else cls([item(value) for value in values])

    return copy


def _tuple_copier(items: list[Copier | None]) -> Copier | None:
    if not any(items):
        return None

    def copy(values: Any) -> Any:
        if len(_seen_to_be(tuple, values)) != len(items):
            raise NotCarried(f"a tuple of {len(values)} is none of {len(items)}")
        return tuple(
            value if item is None else item(value)
            for item, value in zip(items, values, strict=True)
        )

    return copy


def _map_copier(value: Copier | None) -> Copier:
    def copy(values: Any) -> Any:
        if not isinstance(values, dict):
            raise NotCarried(f"a {type(values).__qualname__} is no dictionary")
        return values.copy() if value is None else {k: value(held) for k, held in values.items()}

    return copy


def _optional(item: Copier | None) -> Copier | None:
    if item is None:
        return None
    return lambda value: None if value is None else item(value)


def _member_copier(members: dict[type, Copier | None]) -> Copier | None:
    if not any(members.values()):
        return None

    def copy(value: Any) -> Any:
        if type(value) not in members:
            raise NotCarried(f"a {type(value).__qualname__} is no member of the union")
        copier = members[type(value)]
        return value if copier is None else copier(value)

    return copy
