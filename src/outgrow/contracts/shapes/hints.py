"""From type hints to shapes."""

from __future__ import annotations

import enum
import types
import typing
from dataclasses import replace
from typing import Annotated, Any, Literal, TypeVar, Union

from outgrow.contracts.secrets import Secret
from outgrow.contracts.shapes.kinds import is_record, tag_of, why_no_record
from outgrow.contracts.shapes.limits import Limit, read_limits, why_unfit
from outgrow.contracts.shapes.shape import (
    COLLECTIONS,
    SCALARS,
    Choice,
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
    UnknownShape,
    parts_of,
)
from outgrow.contracts.shapes.streams import refuse_stream

_KEYS = {"str", "int", "uuid", "date"}


def read_shape(hint: Any) -> Shape:
    """
    The shape of a resolved type hint.

    Raises:
        UnknownShape: Contracts cannot carry such a type; says which part of it.
    """
    if hasattr(hint, "__value__") and not isinstance(hint, type):
        return read_shape(hint.__value__)  # `type Money = ...`
    if typing.get_origin(hint) is not Annotated:
        return _plain_shape(hint, ())
    bare, *metadata = typing.get_args(hint)
    limits = read_limits(metadata)
    return _limited(hint, _plain_shape(bare, limits), limits)


def _limited(hint: Any, shape: Shape, limits: tuple[Limit, ...]) -> Shape:
    """*shape*, seen to keep *limits*; those of an optional are those of what it may hold."""
    match shape:
        case Scalar(kind="secret"):
            return shape
        case Scalar(kind=kind):
            name = kind
        case ListOf():
            name = "list"
        case MapOf():
            name = "map"
        case Maybe(item=Scalar() | ListOf() | MapOf() as item):
            inner = replace(item, limits=(*item.limits, *limits))
            return Maybe(_limited(hint, inner, limits))
        case _:
            name = "such a type"
    reasons = [reason for limit in limits if (reason := why_unfit(limit, name)) is not None]
    if reasons:
        message = f"{hint} {reasons[0]}"
        raise UnknownShape(message)
    return shape


def _plain_shape(hint: Any, limits: tuple[Limit, ...]) -> Shape:
    """The shape of a *hint* without ``Annotated``."""
    if hint in SCALARS:
        return Scalar(SCALARS[hint], limits)
    if hint is None or hint is types.NoneType:
        return Nothing()
    refuse_stream(hint)
    if isinstance(hint, type) and not typing.get_origin(hint):
        return _class_shape(hint)
    return _generic_shape(hint, limits)


def _class_shape(cls: type) -> Shape:
    if issubclass(cls, enum.Enum):
        return _choice(cls)
    if (reason := why_no_record(cls)) is not None:
        raise UnknownShape(reason)
    if is_record(cls):
        return RecordShape(cls)
    message = (
        f"{cls.__qualname__} is no type that a contract can carry. Carried are bool, int, float, "
        "str, bytes, datetime, date, time, timedelta, Decimal, UUID, enumerations, literals, "
        "records, and lists, tuples, sets, optionals, dictionaries and tagged unions of these"
    )
    raise UnknownShape(message)


def _choice(cls: type[enum.Enum]) -> Shape:
    kinds = {type(member.value) for member in cls}
    if kinds not in ({str}, {int}) or issubclass(cls, enum.Flag):
        message = (
            f"enumeration {cls.__qualname__} is no type that a contract can carry. Give it members "
            "whose values are all text, or all whole numbers, and no flags"
        )
        raise UnknownShape(message)
    return Choice(cls)


def _generic_shape(hint: Any, limits: tuple[Limit, ...]) -> Shape:  # noqa: PLR0911 - one each
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin is Secret:
        return Scalar("secret", limits)
    if origin is tuple and not (len(args) == 2 and args[1] is ...):
        return TupleOf(tuple(_part(arg, "an item of a tuple") for arg in args))
    if origin in COLLECTIONS:
        kind = COLLECTIONS[origin]
        item = _part(args[0], f"an item of a {kind}")
        if kind in ("set", "frozenset") and not _may_be_member(item):
            message = f"{hint} has members that can change, so no set can hold them. Use a list"
            raise UnknownShape(message)
        return ListOf(item, limits, kind)
    if origin is dict:
        return MapOf(_part(args[1], "a value of a dictionary"), limits, _key(hint, args[0]))
    if origin is Literal:
        return _literal(hint, args)
    if origin in (Union, types.UnionType):
        return _union(hint, args)
    if isinstance(origin, type) and is_record(origin):
        return RecordShape(hint)
    if isinstance(hint, TypeVar):
        message = f"{hint} is bound to nothing. Write what a generic record holds: Page[Order]"
    else:
        message = f"{hint} is no type that a contract can carry"
    raise UnknownShape(message)


def _may_be_member(shape: Shape) -> bool:
    """Whether a set can hold values of *shape*, as far as is known without its fields."""
    match shape:
        case ListOf(kind="list" | "set") | MapOf():
            return False
        case RecordShape():
            return shape.cls.__hash__ is not None
    return all(map(_may_be_member, parts_of(shape)))


def _part(hint: Any, role: str) -> Shape:
    shape = read_shape(hint)
    if isinstance(shape, Nothing):
        message = f"{hint} cannot be {role}"
        raise UnknownShape(message)
    return shape


def _key(hint: Any, key: Any) -> Scalar | Choice | OneValueOf:
    shape = read_shape(key)
    match shape:
        case Scalar(kind=kind) if kind in _KEYS:
            return shape
        case Choice(enum=cls) if all(isinstance(member.value, str) for member in cls):
            return shape
        case OneValueOf() if shape.scalar.kind == "str":
            return shape
    message = f"{hint} has keys that are no text. Give it keys of str, int, UUID or date"
    raise UnknownShape(message)


def _literal(hint: Any, values: tuple[Any, ...]) -> Shape:
    said = tuple(value for value in values if value is not None)
    kinds = {type(value) for value in said}
    if kinds not in ({str}, {int}):
        message = f"{hint} mixes kinds. A literal is of texts, or of whole numbers"
        raise UnknownShape(message)
    return OneValueOf(said) if len(said) == len(values) else Maybe(OneValueOf(said))


def _union(hint: Any, args: tuple[Any, ...]) -> Shape:
    others = [arg for arg in args if arg is not types.NoneType]
    inner = _part(others[0], "an optional") if len(others) == 1 else _one_of(hint, others)
    if len(others) == len(args) or isinstance(inner, Maybe):
        return inner
    return Maybe(inner)


def _one_of(hint: Any, args: list[Any]) -> Shape:
    shapes = [_part(arg, "a member of a union") for arg in args]
    flat: list[Shape] = []
    for shape in shapes:
        flat += [member for _, member in shape.members] if isinstance(shape, OneOf) else [shape]
    members = [(tag_of(s.record), s) for s in flat if isinstance(s, RecordShape)]
    tags = [tag for tag, _ in members if tag is not None]
    is_told_apart = len(tags) == len(flat) and len({tag.field for tag in tags}) == 1
    if not is_told_apart or len({tag.value for tag in tags}) < len(tags):
        message = (
            f"{hint} is a union whose members cannot be told apart. Carried is 'X | None', and a "
            'union of records with a tag each: class Card(Record, tag="card"), or in a dataclass '
            'or Pydantic model a field kind: Literal["card"] = "card"'
        )
        raise UnknownShape(message)
    return OneOf(tags[0].field, tuple((tag.value, s) for tag, s in members if tag is not None))


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
