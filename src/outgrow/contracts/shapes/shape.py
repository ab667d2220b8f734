"""
What a value may look like: the types of a contract as plain data.

Codecs, copiers, checks, schemas and descriptors are all derived from shapes; nothing else reads
type hints.
"""

from __future__ import annotations

import enum
import typing
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

import msgspec

from outgrow.contracts.shapes.limits import Limit

SCALARS: dict[type, str] = {
    bool: "bool",
    int: "int",
    float: "float",
    str: "str",
    bytes: "bytes",
    datetime: "datetime",
    date: "date",
    time: "time",
    timedelta: "timedelta",
    Decimal: "decimal",
    UUID: "uuid",
}

COLLECTIONS: dict[type, Literal["list", "tuple", "set", "frozenset"]] = {
    list: "list",
    tuple: "tuple",
    set: "set",
    frozenset: "frozenset",
}


class UnknownShape(Exception):
    """A type that contracts cannot carry; *slug* names the finding that it is."""

    def __init__(self, message: str, slug: str = "type-not-carried") -> None:
        self.slug = slug
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class Scalar:
    """A single value; *kind* is one of the values of `SCALARS`, or ``secret`` in settings."""

    kind: str
    limits: tuple[Limit, ...] = ()


@dataclass(frozen=True, slots=True)
class Choice:
    """One of the members of an enumeration, whose values are all text or all whole numbers."""

    enum: type[enum.Enum]


@dataclass(frozen=True, slots=True)
class OneValueOf:
    """A ``Literal``: one of some *values*, which are all text or all whole numbers."""

    values: tuple[str | int, ...]

    @property
    def scalar(self) -> Scalar:
        """What each of the values is."""
        return Scalar("str" if isinstance(self.values[0], str) else "int")


@dataclass(frozen=True, slots=True)
class ListOf:
    """Any number of values: a list, ``tuple[X, ...]``, set or frozenset, as *kind* says."""

    item: Shape
    limits: tuple[Limit, ...] = ()
    kind: Literal["list", "tuple", "set", "frozenset"] = "list"


@dataclass(frozen=True, slots=True)
class TupleOf:
    """A fixed number of values, each of its own shape."""

    items: tuple[Shape, ...]


@dataclass(frozen=True, slots=True)
class MapOf:
    """
    Values by keys.

    Attributes:
        key: What is text in JSON: a scalar of the kinds ``str``, ``int``, ``uuid`` or ``date``, or
            an enumeration or ``Literal`` of text.
    """

    value: Shape
    limits: tuple[Limit, ...] = ()
    key: Scalar | Choice | OneValueOf = Scalar("str")


@dataclass(frozen=True, slots=True)
class Maybe:
    """A value or None."""

    item: Shape


@dataclass(frozen=True, slots=True)
class RecordShape:
    """
    A record. Its fields are read on demand by `fields_of`, so that records may be recursive.

    Attributes:
        record: Its class; of a generic record what it is bound to, such as ``Page[Order]``.
    """

    record: Any

    @property
    def cls(self) -> type:
        """The class of its values."""
        cls: type = typing.get_origin(self.record) or self.record
        return cls

    @property
    def name(self) -> str:
        """Its name on the wire: ``Line``; of a generic record with what it holds: ``PageLine``."""
        return record_name(self.record)


@dataclass(frozen=True, slots=True)
class OneOf:
    """
    One of several records, told apart by a tag.

    Attributes:
        tag_field: The name under which JSON tells the tag.
        members: The records by their tags, in the order in which they are written.
    """

    tag_field: str
    members: tuple[tuple[str, RecordShape], ...]


@dataclass(frozen=True, slots=True)
class Nothing:
    """No value: the reply of a method that returns None."""


Shape = (
    Scalar | Choice | OneValueOf | ListOf | TupleOf | MapOf | Maybe | RecordShape | OneOf | Nothing
)


@dataclass(frozen=True, slots=True)
class Field:
    """
    A named value in a record.

    Attributes:
        name: The field's name in Python, and on the wire of protobuf.
        shape: What its value looks like.
        default: Its default, or `msgspec.NODEFAULT`; what a factory made once is an example.
        factory: What makes the default anew for each record, if something does.
        encoded: Its name in JSON; the same as *name* unless its record says otherwise.
    """

    name: str
    shape: Shape
    default: Any = msgspec.NODEFAULT
    factory: Callable[[], Any] | None = None
    encoded: str = ""

    def __post_init__(self) -> None:
        if not self.encoded:
            object.__setattr__(self, "encoded", self.name)

    @property
    def is_required(self) -> bool:
        """Whether the value must be given."""
        return self.default is msgspec.NODEFAULT


def parts_of(shape: Shape) -> tuple[Shape, ...]:
    """The shapes that *shape* is made of; the fields of a record are not among them."""
    match shape:
        case ListOf(item=item) | Maybe(item=item):
            return (item,)
        case TupleOf(items=items):
            return items
        case MapOf(key=key, value=value):
            return (key, value)
        case OneOf(members=members):
            return tuple(record for _, record in members)
    return ()


def record_name(record: Any) -> str:
    """The name of a record's class, or of a generic record with what it is bound to."""
    origin = typing.get_origin(record)
    if origin is None:
        # Pydantic writes the class of a bound model as Page[Line].
        return "".join(part.rpartition(".")[2] for part in _words(record.__name__))
    return "".join([origin.__name__, *(_bound_name(arg) for arg in typing.get_args(record))])


def _bound_name(argument: Any) -> str:
    inner = typing.get_args(argument)
    if inner and not isinstance(typing.get_origin(argument), type):
        return "".join(_bound_name(arg) for arg in inner)
    if isinstance(argument, type) and not inner:
        name: str = argument.__name__
        return name[:1].upper() + name[1:] if argument.__module__ == "builtins" else name
    own = typing.get_origin(argument).__name__
    return "".join([own[:1].upper(), own[1:], *(_bound_name(arg) for arg in inner)])


def _words(name: str) -> list[str]:
    for mark in "[], ":
        name = name.replace(mark, "\n")
    words = [word for word in name.split("\n") if word]
    return [word[:1].upper() + word[1:] for word in words]
