"""Records of the three kinds are read alike, and what they cannot say is refused in words."""

import contextlib
import dataclasses
from dataclasses import InitVar, dataclass, field
from datetime import date, time, timedelta
from decimal import Decimal
from enum import Enum, IntEnum
from typing import Annotated, Any, Generic, Literal, Optional, TypeVar, Union
from uuid import UUID

import msgspec
import pydantic
import pytest
from annotated_types import Ge, Le, MaxLen

from outgrow.contracts import (
    Choice,
    LimitBroken,
    ListOf,
    MapOf,
    Maybe,
    OneOf,
    OneValueOf,
    Record,
    RecordShape,
    Scalar,
    TupleOf,
    UnknownShape,
    compile_check,
    decoder,
    encoder,
    fields_of,
    read_shape,
    strict_decoder,
)

T = TypeVar("T")
S = TypeVar("S")
Positive = Annotated[int, Ge(1)]


class Level(IntEnum):
    LOW = 1


class Size(Enum):
    SMALL = "s"


class Card(Record, tag="card"):
    number: str


class Cash(Record, tag="cash"):
    cents: int


class Cheque(Record, tag="cheque"):
    bank: str


@dataclass(frozen=True)
class CardData:
    kind: Literal["card"] = "card"


class CashModel(pydantic.BaseModel):
    kind: Literal["cash"] = "cash"


class Page(Record, Generic[T]):
    items: list[T]
    total: Positive = 1
    names: Annotated[list[str], MaxLen(2)] = []


class Pages(Record, Generic[T, S]):
    left: Page[T]
    right: dict[str, S]


class Lines(Page[str]):
    note: str = ""


@dataclass(frozen=True)
class PageData(Generic[T]):
    items: list[T]
    total: Positive = 1


class PageModel(pydantic.BaseModel, Generic[T]):
    items: list[T]
    total: Positive = 1


@pytest.mark.parametrize(
    ("hint", "shape"),
    [
        (date, Scalar("date")),
        (time, Scalar("time")),
        (timedelta, Scalar("timedelta")),
        (Decimal, Scalar("decimal")),
        (UUID, Scalar("uuid")),
        (Literal["a", "b"], OneValueOf(("a", "b"))),
        (Literal[1], OneValueOf((1,))),
        (Literal["a", None], Maybe(OneValueOf(("a",)))),  # noqa: PYI061 - people write it
        (Optional[Literal["a"]], Maybe(OneValueOf(("a",)))),  # noqa: UP045
        (Level, Choice(Level)),
        (tuple[int, ...], ListOf(Scalar("int"), kind="tuple")),
        (tuple[int], TupleOf((Scalar("int"),))),
        (tuple[int, str | None], TupleOf((Scalar("int"), Maybe(Scalar("str"))))),
        (set[str], ListOf(Scalar("str"), kind="set")),
        (frozenset[Size], ListOf(Choice(Size), kind="frozenset")),
        (list[list[int | None]], ListOf(ListOf(Maybe(Scalar("int"))))),
        (dict[UUID, int], MapOf(Scalar("int"), key=Scalar("uuid"))),
        (dict[Size, int], MapOf(Scalar("int"), key=Choice(Size))),
        (dict[Literal["a"], int], MapOf(Scalar("int"), key=OneValueOf(("a",)))),
        (Card | Cash, OneOf("type", (("card", RecordShape(Card)), ("cash", RecordShape(Cash))))),
        (Page[int], RecordShape(Page[int])),
    ],
    ids=str,
)
def test_a_hint_has_its_shape(hint: Any, shape: object) -> None:
    assert read_shape(hint) == shape


def test_unions_are_flat_and_may_be_absent() -> None:
    inner = Union[Card, Cash]  # noqa: UP007 - what is nested
    shape = read_shape(Optional[Union[inner, Cheque]])  # noqa: UP007, UP045

    assert isinstance(shape, Maybe)
    assert isinstance(shape.item, OneOf)
    assert [tag for tag, _ in shape.item.members] == ["card", "cash", "cheque"]


def test_members_of_a_union_may_be_of_several_kinds() -> None:
    class CashRecord(Record, tag="record", tag_field="kind"):
        cents: int = 0

    hint = CardData | CashModel | CashRecord
    values = [CardData(), CashModel(), CashRecord(cents=2)]

    read, write = decoder(list[hint]), encoder(list[hint])  # type: ignore[valid-type]

    assert read(write(values)) == values


@dataclass
class Loose:
    name: str


@dataclass(frozen=True)
class Hidden:
    name: str = field(init=False, default="")


@dataclass(frozen=True)
class Passing:
    given: InitVar[int]


class Root(pydantic.RootModel[int]):
    pass


class Open(pydantic.BaseModel, extra="allow"):
    name: str


class Derived(pydantic.BaseModel):
    one: int
    two: int = pydantic.Field(default_factory=lambda data: data["one"])


class TwoNames(pydantic.BaseModel):
    one: int = pydantic.Field(validation_alias="uno", serialization_alias="eins")


class Array(msgspec.Struct, array_like=True):
    name: str


class Mutable(pydantic.BaseModel):
    name: str


@pytest.mark.parametrize(
    ("hint", "message"),
    [
        (Loose, r"frozen=True"),
        (Hidden, "cannot be given when it is made"),
        (Passing, "InitVar"),
        (Root, "RootModel"),
        (Open, "unknown fields"),
        (Derived, "default from other fields"),
        (TwoNames, "several aliases"),
        (Array, "array_like"),
        (Card | Page[int], "cannot be told apart"),
        (CardData | Card, "cannot be told apart"),
        (Card | None | str, "cannot be told apart"),
        (dict[float, int], "keys that are no text"),
        (dict[Level, int], "keys that are no text"),
        (dict[tuple[int], int], "keys that are no text"),
        (Literal["a", True], "mixes kinds"),
        (Literal[b"a"], "mixes kinds"),
        (set[list[int]], "members that can change"),
        (frozenset[tuple[dict[str, int]]], "members that can change"),
        (set[Mutable], "members that can change"),
        (Page, "bound to nothing"),
        (tuple[int, None], "cannot be an item of a tuple"),
    ],
    ids=str,
)
def test_what_cannot_be_carried_is_refused_in_words(hint: Any, message: str) -> None:
    def read() -> None:
        shape = read_shape(hint)
        if isinstance(shape, RecordShape):
            fields_of(shape.record)

    with pytest.raises(UnknownShape, match=message):
        read()


@pytest.mark.parametrize("page", [Page, PageData, PageModel])
def test_a_generic_record_is_what_it_is_bound_to(page: Any) -> None:
    shape = read_shape(page[Positive])
    assert isinstance(shape, RecordShape)
    items, total, *_ = fields_of(shape.record)

    assert items.shape == ListOf(read_shape(Positive))
    assert total.default == 1
    assert issubclass(shape.cls, page)


def test_names_of_generic_records_tell_what_they_hold() -> None:
    names = [
        RecordShape(hint).name
        for hint in (Page[int], Page[Card], Pages[int, list[Card]], PageModel[CashModel], Lines)
    ]

    assert names == ["PageInt", "PageCard", "PagesIntListCard", "PageModelCashModel", "Lines"]


def test_what_a_generic_record_holds_is_known_below_others() -> None:
    left, right = fields_of(Pages[int, str])

    assert left.shape == RecordShape(Page[int])
    assert right.shape == MapOf(Scalar("str"))
    assert fields_of(Lines)[0].shape == ListOf(Scalar("str"))


def test_a_generic_record_keeps_the_limits_that_it_knows() -> None:
    with pytest.raises(ValueError, match="total: 0 is not at least 1"):
        Page(items=[object()], total=0)
    with pytest.raises(ValueError, match="at most 2 long"):
        Page[int](items=[], names=["a", "b", "c"])
    assert Page(items=[1]).total == 1


@pytest.mark.parametrize("page", [Page, PageData, PageModel])
def test_limits_of_what_a_generic_record_holds_are_checked_where_it_arrives(page: Any) -> None:
    with pytest.raises(msgspec.ValidationError, match=r"(-1|equal to 1).*items\[1\]"):
        strict_decoder(page[Positive])(b'{"items":[1,-1]}')

    check = compile_check(read_shape(Page[Positive]))
    assert check is not None
    with pytest.raises(LimitBroken, match=r"items\[0\]: 0 is not at least 1"):
        check(Page(items=[0]))


class Deep(Record):
    numbers: list[Annotated[int, Ge(1)]]
    optional: Optional[Annotated[int, Le(9)]] = None  # noqa: UP045
    keyed: dict[Annotated[str, MaxLen(1)], tuple[Positive, ...]] = {}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"numbers": [1, 0]}, r"numbers\[1\]: 0 is not at least 1"),
        ({"optional": 10}, "optional: 10 is not at most 9"),
        ({"keyed": {"ab": ()}}, r"keyed\['ab'\]: 'ab' is not at most 1 long"),
        ({"keyed": {"a": (1, 0)}}, r"keyed\['a'\]\[1\]: 0 is not at least 1"),
    ],
)
def test_limits_inside_of_collections_hold(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Deep(**({"numbers": []} | changes))


class Checked(Record):
    low: Positive
    high: int

    def __post_init__(self) -> None:
        if self.high < self.low:
            raise ValueError("high is below low")


def test_a_rule_of_a_record_comes_after_its_limits() -> None:
    with pytest.raises(ValueError, match="low: 0 is not at least 1"):
        Checked(low=0, high=-1)
    with pytest.raises(ValueError, match="high is below low"):
        Checked(low=2, high=1)
    assert Checked(low=1, high=1).high == 1


class Person(pydantic.BaseModel):
    full_name: str = pydantic.Field(alias="fullName", max_length=3)
    age: int = pydantic.Field(default=1, ge=1)
    tags: list[str] = pydantic.Field(default_factory=list)


def test_what_a_model_says_of_its_fields_is_known() -> None:
    name, age, tags = fields_of(Person)

    assert (name.name, name.encoded, name.is_required) == ("full_name", "fullName", True)
    assert [str(limit) for limit in getattr(name.shape, "limits", ())] == ["at most 3 long"]
    assert (age.default, tags.factory) == (1, list)
    value = Person(fullName="x")
    assert encoder(Person)(value) == b'{"fullName":"x","age":1,"tags":[]}'
    assert decoder(Person)(b'{"fullName":"x"}').model_fields_set == {"full_name"}


def test_a_dataclass_that_is_made_in_its_own_way_is_made_so() -> None:
    @dataclass(frozen=True, init=False)
    class Upper:
        name: str

        def __init__(self, name: str) -> None:
            object.__setattr__(self, "name", name.upper())

    @pydantic.dataclasses.dataclass(frozen=True)
    class Counted:
        count: Positive

    assert decoder(Upper)(b'{"name":"a"}') == Upper("a")
    assert dataclasses.is_dataclass(Counted)
    with pytest.raises(msgspec.ValidationError, match=r"equal to 1 - at `\$.count`"):
        decoder(Counted)(b'{"count":0}')


@pytest.mark.parametrize(
    ("text", "is_kept"),
    [
        ("1.55", True),
        ("99.99", True),
        ("0.01", True),
        ("1.555", False),
        ("100.00", False),
        ("NaN", False),
    ],
)
def test_digits_of_a_decimal_are_counted_as_pydantic_counts_them(text: str, is_kept: bool) -> None:
    price = Annotated[Decimal, pydantic.Field(max_digits=4, decimal_places=2)]
    check = compile_check(read_shape(price))
    refused = pytest.raises(ValueError, match="digits|places|finite")
    assert check is not None

    for count in (check, pydantic.TypeAdapter(price).validate_python):
        with contextlib.nullcontext() if is_kept else refused:
            count(Decimal(text))
