"""
What a value may look like: the types of a contract as plain data.

Codecs, copiers, checks, schemas and descriptors are all derived from shapes; nothing else reads
type hints.
"""

from __future__ import annotations

import enum
import types
import typing
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Union

import msgspec

from outgrow.contracts.limits import Limit, read_limits
from outgrow.contracts.secrets import Secret

SCALARS: dict[type, str] = {
    bool: "bool",
    int: "int",
    float: "float",
    str: "str",
    bytes: "bytes",
    datetime: "datetime",
}


class UnknownShape(Exception):
    """A type that contracts cannot carry."""


@dataclass(frozen=True, slots=True)
class Scalar:
    """A single value; *kind* is one of the values of `SCALARS`, or ``secret`` in settings."""

    kind: str
    limits: tuple[Limit, ...] = ()


@dataclass(frozen=True, slots=True)
class Choice:
    """One of the members of an enumeration with text values."""

    enum: type[enum.Enum]


@dataclass(frozen=True, slots=True)
class ListOf:
    """Any number of values, in order."""

    item: Shape
    limits: tuple[Limit, ...] = ()


@dataclass(frozen=True, slots=True)
class MapOf:
    """Values by text keys."""

    value: Shape
    limits: tuple[Limit, ...] = ()


@dataclass(frozen=True, slots=True)
class Maybe:
    """A value or None."""

    item: Shape


@dataclass(frozen=True, slots=True)
class RecordShape:
    """A record. Its fields are read on demand by `fields_of`, so that records may be recursive."""

    record: type


@dataclass(frozen=True, slots=True)
class Nothing:
    """No value: the reply of a method that returns None."""


Shape = Scalar | Choice | ListOf | MapOf | Maybe | RecordShape | Nothing


@dataclass(frozen=True, slots=True)
class Field:
    """
    A named value in a record.

    Attributes:
        name: The field's name, in Python and on the wire.
        shape: What its value looks like.
        default: Its default, or `msgspec.NODEFAULT`; factories are called.
    """

    name: str
    shape: Shape
    default: Any = msgspec.NODEFAULT

    @property
    def is_required(self) -> bool:
        """Whether the value must be given."""
        return self.default is msgspec.NODEFAULT


def read_shape(hint: Any) -> Shape:
    """
    The shape of a resolved type hint.

    Raises:
        UnknownShape: Contracts cannot carry such a type; says which part of it.
    """
    limits: tuple[Limit, ...] = ()
    if typing.get_origin(hint) is Annotated:
        hint, *metadata = typing.get_args(hint)
        limits = read_limits(metadata)
    if hint in SCALARS:
        return Scalar(SCALARS[hint], limits)
    if hint is None or hint is types.NoneType:
        return Nothing()
    if isinstance(hint, type) and not typing.get_origin(hint):
        return _class_shape(hint)
    return _generic_shape(hint, limits)


def _class_shape(cls: type) -> Shape:
    if issubclass(cls, msgspec.Struct):
        return RecordShape(cls)
    if issubclass(cls, enum.Enum) and all(isinstance(member.value, str) for member in cls):
        return Choice(cls)
    message = (
        f"{cls.__qualname__} is no type that a contract can carry. "
        "Carried are bool, int, float, str, bytes, datetime, enumerations with text values, "
        "records, and lists, optionals and text-keyed dictionaries of these"
    )
    raise UnknownShape(message)


def _generic_shape(hint: Any, limits: tuple[Limit, ...]) -> Shape:
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin is Secret:
        return Scalar("secret", limits)
    if origin is list:
        return ListOf(_plain(args[0], "an item of a list"), limits)
    if origin is dict:
        if args[0] is not str:
            message = f"{hint} has keys that are no text. Give it str keys"
            raise UnknownShape(message)
        return MapOf(_plain(args[1], "a value of a dictionary"), limits)
    if origin in (Union, types.UnionType):
        others = [arg for arg in args if arg is not types.NoneType]
        if len(others) == 1 and len(args) == 2:
            return Maybe(_plain(others[0], "an optional", lists=True))
        message = f"{hint} is a union. Only 'X | None' is carried for now"
        raise UnknownShape(message)
    message = f"{hint} is no type that a contract can carry"
    raise UnknownShape(message)


def _plain(hint: Any, role: str, *, lists: bool = False) -> Shape:
    """The shape of *hint*, which protobuf must be able to hold where it stands."""
    shape = read_shape(hint)
    if isinstance(shape, Nothing | Maybe) or (isinstance(shape, ListOf | MapOf) and not lists):
        message = f"{hint} cannot be {role}. Put it into a record"
        raise UnknownShape(message)
    return shape


def resolve_hints(thing: Any) -> dict[str, Any]:
    """
    The type hints of a class or function, strings replaced by what they name.

    Raises:
        UnknownShape: A name cannot be found when the program runs.
    """
    try:
        return typing.get_type_hints(thing, include_extras=True)
    except NameError as error:
        message = (
            f"{error}: types of contracts are needed when the program runs. "
            "Import it outside of 'if TYPE_CHECKING', and define it at the top of its module"
        )
        raise UnknownShape(message) from error


def fields_of(record: type) -> tuple[Field, ...]:
    """
    The fields of *record* in the order in which they are defined.

    Raises:
        UnknownShape: A field has a type that contracts cannot carry.
    """
    if "__outgrow_fields__" in record.__dict__:
        return typing.cast("tuple[Field, ...]", record.__dict__["__outgrow_fields__"])
    hints = resolve_hints(record)
    fields = []
    for field in msgspec.structs.fields(record):
        try:
            shape = read_shape(hints[field.name])
        except UnknownShape as error:
            message = f"field {field.name!r} of {record.__qualname__}: {error}"
            raise UnknownShape(message) from error
        default = field.default
        if field.default_factory is not msgspec.NODEFAULT:
            default = field.default_factory()
        fields.append(Field(field.name, shape, default))
    record.__outgrow_fields__ = tuple(fields)  # type: ignore[attr-defined]
    return record.__outgrow_fields__  # type: ignore[attr-defined,no-any-return]
