"""
Random records of each kind, and random values for any shape.

Used by the round trips of JSON and of protobuf, so that both carry the same.
"""

from __future__ import annotations

import dataclasses
import enum
import itertools
import types
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Annotated, Any, Generic, Literal, TypeVar, Union
from uuid import UUID

import msgspec
import pydantic
from annotated_types import Ge, Le, MaxLen, MinLen
from hypothesis import strategies as st

from outgrow.contracts import (
    Choice,
    Field,
    ListOf,
    MapOf,
    Maybe,
    OneOf,
    OneValueOf,
    Record,
    RecordShape,
    Scalar,
    Shape,
    TupleOf,
    fields_of,
    is_pydantic,
    read_shape,
)

KINDS = ("record", "dataclass", "pydantic")
T = TypeVar("T")


class Colour(enum.StrEnum):
    """Text values that are text."""

    RED = "red"
    BLUE = "blue"


class Size(enum.Enum):
    """Text values that are not."""

    SMALL = "s"
    LARGE = "l"


class Level(enum.IntEnum):
    """Numbers that are numbers; none of them is zero."""

    LOW = 1
    HIGH = 9


class Code(enum.Enum):
    """Numbers that are not, below zero too."""

    BAD = -1
    NONE = 0


class Leaf(Record):
    name: str
    count: Annotated[int, Ge(0)] = 0


class Tree(Record):
    name: str
    children: list[Tree] = []
    by_name: dict[str, Tree] = {}
    parent: Tree | None = None


class Page(Record, Generic[T]):
    items: list[T]
    first: T | None = None


class Card(Record, tag="card"):
    number: str


class Cash(Record, tag="cash"):
    coins: list[int] = []


@dataclass(frozen=True)
class LeafData:
    name: str
    count: Annotated[int, Ge(0)] = 0


@dataclass(frozen=True)
class TreeData:
    name: str
    children: list[TreeData] = dataclasses.field(default_factory=list)
    by_name: dict[str, TreeData] = dataclasses.field(default_factory=dict)
    parent: TreeData | None = None


@dataclass(frozen=True)
class PageData(Generic[T]):
    items: list[T]
    first: T | None = None


@dataclass(frozen=True)
class CardData:
    number: str
    kind: Literal["card"] = "card"


@dataclass(frozen=True)
class CashData:
    coins: list[int] = dataclasses.field(default_factory=list)
    kind: Literal["cash"] = "cash"


class LeafModel(pydantic.BaseModel, frozen=True):
    name: str
    count: Annotated[int, Ge(0)] = 0


class TreeModel(pydantic.BaseModel):
    name: str
    children: list[TreeModel] = []
    by_name: dict[str, TreeModel] = {}
    parent: TreeModel | None = None


class PageModel(pydantic.BaseModel, Generic[T]):
    items: list[T]
    first: T | None = None


class CardModel(pydantic.BaseModel, frozen=True):
    number: str
    kind: Literal["card"] = "card"


class CashModel(pydantic.BaseModel, frozen=True):
    coins: list[int] = []
    kind: Literal["cash"] = "cash"


class RecordsOfKind(msgspec.Struct):
    """The records of one kind that random ones may hold."""

    leaf: Any
    tree: Any
    page: Any
    card: Any
    cash: Any


OF_KIND = {
    "record": RecordsOfKind(Leaf, Tree, Page, Card, Cash),
    "dataclass": RecordsOfKind(LeafData, TreeData, PageData, CardData, CashData),
    "pydantic": RecordsOfKind(LeafModel, TreeModel, PageModel, CardModel, CashModel),
}

_SCALARS: list[Any] = [
    bool, int, float, str, bytes, datetime, date, time, timedelta, Decimal, UUID, Colour, Size,
    Level, Code, Literal["a", "b"], Literal[1, -7], Annotated[int, Ge(-5), Le(100)],
    Annotated[int, msgspec.Meta(ge=1)], Annotated[str, MinLen(1), MaxLen(5)],
]  # fmt: skip
_KEYS: list[Any] = [str, int, UUID, date, Colour, Size, Literal["a", "b"]]
_serial = itertools.count()


def hints(kind: str) -> st.SearchStrategy[Any]:
    """Type hints of all that a contract carries, with records of *kind* in them."""
    own = OF_KIND[kind]
    scalars = st.sampled_from(_SCALARS)
    records = st.sampled_from([own.leaf, own.tree, own.page[int], own.page[own.leaf]])
    union = st.just(Union[own.card, own.cash])  # noqa: UP007 - the members are values
    hashable = st.one_of(
        st.sampled_from([one for one in _SCALARS if one is not float]),
        st.just(tuple[int, str]),
        st.just(own.leaf),
        st.just(frozenset[int]),
    )
    keys = st.sampled_from(_KEYS)

    def deeper(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
        return st.one_of(
            inner.map(lambda hint: list[hint]),
            inner.map(lambda hint: Annotated[list[hint], MaxLen(3)]),
            inner.map(lambda hint: tuple[hint, ...]),
            st.lists(inner, min_size=1, max_size=3).map(lambda some: tuple[tuple(some)]),
            st.tuples(keys, inner).map(lambda pair: dict[pair]),
            inner.map(lambda hint: hint | None),
        )

    sets = st.one_of(
        hashable.map(lambda hint: set[hint]), hashable.map(lambda hint: frozenset[hint])
    )
    return st.recursive(st.one_of(scalars, records, union, sets), deeper, max_leaves=4)


@st.composite
def records(draw: st.DrawFn, kind: str, fields_max: int = 6) -> type:
    """A new class of *kind*, with random fields, of which some have defaults."""
    name = f"Random{next(_serial)}"
    own: dict[str, tuple[Any, Any]] = {}
    for n in range(draw(st.integers(1, fields_max))):
        hint = draw(hints(kind))
        has_default = draw(st.integers(0, 3)) == 0
        default = draw(values(read_shape(hint))) if has_default else msgspec.NODEFAULT
        own[f"field_{n}"] = (hint, default)
    return _MAKERS[kind](name, own)


def _make_record(name: str, own: dict[str, tuple[Any, Any]]) -> type:
    def body(namespace: dict[str, Any]) -> None:
        namespace["__module__"] = __name__
        namespace["__annotations__"] = {field: hint for field, (hint, _) in own.items()}
        for field, (_, default) in own.items():
            if default is not msgspec.NODEFAULT:
                namespace[field] = msgspec.field(default_factory=lambda default=default: default)

    return types.new_class(name, (Record,), {}, body)


def _make_dataclass(name: str, own: dict[str, tuple[Any, Any]]) -> type:
    fields: list[Any] = [
        (field, hint)
        if default is msgspec.NODEFAULT
        else (field, hint, dataclasses.field(default_factory=lambda default=default: default))
        for field, (hint, default) in own.items()
    ]
    made = dataclasses.make_dataclass(name, fields, frozen=True, kw_only=True)
    made.__module__ = __name__
    return made


def _make_model(name: str, own: dict[str, tuple[Any, Any]]) -> type:
    fields: dict[str, Any] = {
        field: (hint, ...)
        if default is msgspec.NODEFAULT
        else (hint, pydantic.Field(default_factory=lambda default=default: default))
        for field, (hint, default) in own.items()
    }
    return pydantic.create_model(name, __module__=__name__, **fields)


_MAKERS: dict[str, Callable[[str, dict[str, tuple[Any, Any]]], type]] = {
    "record": _make_record,
    "dataclass": _make_dataclass,
    "pydantic": _make_model,
}

_SIMPLE: dict[str, st.SearchStrategy[Any]] = {
    "bool": st.booleans(),
    "bytes": st.binary(max_size=20),
    "datetime": st.datetimes(
        min_value=datetime(2, 1, 1),  # noqa: DTZ001 - the zone is drawn
        max_value=datetime(9998, 12, 31),  # noqa: DTZ001
        timezones=st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=30))]),
    ),
    "date": st.dates(),
    "time": st.times(),
    "timedelta": st.timedeltas(
        min_value=timedelta(seconds=-315_576_000_000),
        max_value=timedelta(seconds=315_576_000_000),
    ),
    "decimal": st.decimals(allow_nan=False, allow_infinity=False),
    "uuid": st.uuids(),
}


def values(shape: Shape, *, finite: bool = True, depth: int = 3) -> st.SearchStrategy[Any]:  # noqa: C901, PLR0911
    """
    Values of *shape*, which keep its limits.

    Args:
        finite: Whether floats are; JSON has no others.
        depth: How many records may hold each other.
    """

    def inner(part: Shape) -> st.SearchStrategy[Any]:
        return values(part, finite=finite, depth=depth)

    match shape:
        case Scalar():
            return _scalars(shape, finite)
        case Choice(enum=cls):
            return st.sampled_from(list(cls))
        case OneValueOf(values=some):
            return st.sampled_from(some)
        case Maybe(item=item):
            return st.none() if depth <= 0 else st.none() | inner(item)
        case ListOf(item=item, kind=kind):
            return _collections(inner(item), shape, kind, 0 if depth <= 0 else 3)
        case TupleOf(items=items):
            return st.tuples(*map(inner, items))
        case MapOf(key=key, value=value):
            return st.dictionaries(inner(key), inner(value), max_size=0 if depth <= 0 else 3)
        case OneOf(members=members):
            return st.one_of([inner(record) for _, record in members])
        case RecordShape():
            return st.deferred(lambda: _made(shape, finite, depth - 1))
    return st.none()


def _scalars(shape: Scalar, finite: bool) -> st.SearchStrategy[Any]:
    limits = {limit.name: limit.value for limit in shape.limits}
    if shape.kind == "int":
        return st.integers(limits.get("ge", -(2**63)), limits.get("le", 2**63 - 1))
    if shape.kind == "float":
        return st.floats(allow_nan=False, allow_infinity=not finite)
    if shape.kind == "str":
        return st.text(min_size=limits.get("min_length", 0), max_size=limits.get("max_length", 20))
    return _SIMPLE[shape.kind]


def _collections(
    items: st.SearchStrategy[Any], shape: ListOf, kind: str, size: int
) -> st.SearchStrategy[Any]:
    limits = {limit.name: limit.value for limit in shape.limits}
    least = limits.get("min_length", 0)
    most = max(least, min(size, limits.get("max_length", size)))
    if kind in ("set", "frozenset"):
        make = st.sets if kind == "set" else st.frozensets
        return make(items, min_size=least, max_size=most)
    some = st.lists(items, min_size=least, max_size=most)
    return some if kind == "list" else some.map(tuple)


def _made(shape: RecordShape, finite: bool, depth: int) -> st.SearchStrategy[Any]:
    required: dict[str, Any] = {}
    optional: dict[str, Any] = {}
    for field in fields_of(shape.record):
        _names(field, required, optional)[field.name] = values(
            field.shape, finite=finite, depth=depth
        )
    return st.fixed_dictionaries(required, optional=optional).map(lambda own: make(shape, own))


def _names(field: Field, required: dict[str, Any], optional: dict[str, Any]) -> dict[str, Any]:
    return required if field.is_required else optional


def make(shape: RecordShape, own: dict[str, Any]) -> Any:
    """A record of *shape* with the fields *own*, by their names in Python."""
    cls: Any = shape.cls
    if is_pydantic(cls):
        return cls.model_validate(own, by_name=True, by_alias=False)
    return cls(**own)
