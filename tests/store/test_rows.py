"""Values go into the store and come back as they were."""

import enum
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
import pydantic
import pytest
from annotated_types import Ge

from outgrow.contracts import Record, fields_of
from outgrow.errors import NoSuchRow, StatementFailed
from outgrow.store import Store, Transaction


class Colour(enum.Enum):
    RED = "red"


class Line(Record):
    sku: str
    count: int


class Order(Record):
    order_id: str
    cents: int
    weight: float
    is_paid: bool
    placed_at: datetime
    lines: list[Line]
    notes: dict[str, str]
    first: Line
    colour: Colour
    raw: bytes
    gift: Line | None = None
    is_late: bool | None = None


ORDER = Order(
    order_id="o1",
    cents=12,
    weight=2.0,
    is_paid=True,
    placed_at=datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC),
    lines=[Line(sku="ä", count=1)],
    notes={"a": "b"},
    first=Line(sku="b", count=2),
    colour=Colour.RED,
    raw=b"\x00\xff",
)

COLUMNS = [
    "order_id", "cents", "weight", "is_paid", "placed_at", "lines", "notes", "first", "colour",
    "raw", "gift", "is_late",
]  # fmt: skip
SELECT = "select " + ", ".join(f":{c} as {c}" for c in COLUMNS)


async def ask(store: Store, kind: Any, sql: str, **parameters: Any) -> Any:
    async with store.read() as snapshot:
        return await snapshot.fetch_one(kind, sql, **parameters)


@pytest.mark.parametrize(
    "change",
    [{}, {"gift": Line(sku="g", count=1), "is_late": False, "is_paid": False}, {"lines": []}],
)
async def test_a_record_comes_back_as_it_was(store: Store, change: dict[str, Any]) -> None:
    order = ORDER.replace(**change)
    values = {name: getattr(order, name) for name in COLUMNS}
    assert await ask(store, Order, SELECT, **values) == order


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (int, -(2**63)),
        (str, "ä\x00b"),
        (bool, True),
        (bool, False),
        (float, 1.5),
        (bytes, b"\x00"),
        (datetime, datetime(1999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)),
        (Colour, Colour.RED),
    ],
)
async def test_a_single_value_comes_back_as_it_was(store: Store, kind: Any, value: Any) -> None:
    found = await ask(store, kind, "select :v", v=value)
    assert found == value
    assert type(found) is type(value)


@dataclass(frozen=True)
class Parcel:
    name: str
    grams: Annotated[int, Ge(1)] = 1


class Label(pydantic.BaseModel, populate_by_name=True):
    text: str = pydantic.Field(alias="labelText")
    parcels: list[Parcel] = []


class Shelf(Record):
    day: date
    at: time
    lasts: timedelta
    price: Decimal
    shelf_id: UUID
    pair: tuple[int, str]
    many: tuple[int, ...]
    tags: set[str]
    days: dict[date, int]
    word: Literal["a", "b"]
    parcel: Parcel
    label: Label
    lasts_again: timedelta | None = None


SHELF = Shelf(
    day=date(2024, 2, 29),
    at=time(1, 2, 3, 4),
    lasts=timedelta(days=-1, microseconds=5),
    price=Decimal("1.50"),
    shelf_id=UUID(int=7),
    pair=(1, "x"),
    many=(),
    tags={"b", "a"},
    days={date(2020, 1, 1): 1},
    word="b",
    parcel=Parcel("p", 2),
    label=Label(labelText="l", parcels=[Parcel("q")]),
)


async def test_a_record_of_all_types_comes_back_as_it_was(store: Store) -> None:
    names = [field.name for field in fields_of(Shelf)]
    select = "select " + ", ".join(f":{name} as {name}" for name in names)

    found = await ask(store, Shelf, select, **{name: getattr(SHELF, name) for name in names})

    assert found == SHELF
    assert str(found.price) == "1.50"


async def test_rows_are_dataclasses_and_models_too(store: Store) -> None:
    assert await ask(store, Parcel, "select 'p' as name, 2 as grams") == Parcel("p", 2)
    label = await ask(store, Label, "select 't' as text, :p as parcels", p=[Parcel("p")])

    assert label == Label(labelText="t", parcels=[Parcel("p")])
    with pytest.raises(StatementFailed, match="does not fit Label: .*parcels"):
        await ask(store, Label, "select 't' as text, '[{}]' as parcels")


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (date, date(2024, 2, 29)),
        (time, time(23, 59, 59, 999999)),
        (timedelta, timedelta(days=-3, microseconds=1)),
        (Decimal, Decimal("-0.10")),
        (Decimal, Decimal("9" * 1_001)),
        (UUID, UUID(int=2**128 - 1)),
        (list[Line], [Line(sku="a", count=1)]),
        (tuple[int, str], (1, "a")),
        (set[int], {3, 1}),
        pytest.param(frozenset[Parcel], frozenset({Parcel("a"), Parcel("b")}), id="frozenset"),
        (dict[UUID, int], {UUID(int=1): 1}),
        (dict[int, list[bytes]], {-1: [b"a"]}),
        (Line | None, None),
        (Any, "as it is"),
    ],
    ids=lambda value: str(value)[:40],
)
async def test_a_single_value_of_any_type_comes_back(store: Store, kind: Any, value: Any) -> None:
    found = await ask(store, kind, "select :v", v=value)

    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("kind", "sql", "message"),
    [
        (Decimal, "select 1.5", "may have lost digits"),
        (Decimal, "select 'NaN'", "NaN is no finite number"),
        (timedelta, "select 'PT1S'", "whole number of microseconds"),
        (timedelta, "select 9223372036854775807", "longer than 315576000000 seconds|days=|date"),
        (time, "select '01:00:00Z'", "has a zone"),
        (datetime, "select '2026-01-01T00:00:00'", "has no zone"),
        (UUID, "select 'x'", "UUID"),
        (set[int], "select '[1'", "truncated"),
    ],
)
async def test_columns_that_hold_no_such_value_are_refused(
    store: Store, kind: Any, sql: str, message: str
) -> None:
    with pytest.raises(StatementFailed, match=message):
        await ask(store, kind, sql)


async def test_times_are_kept_in_utc_and_sort_as_text(store: Store) -> None:
    east = datetime(2026, 1, 1, 1, tzinfo=timezone(timedelta(hours=2)))
    assert await ask(store, str, "select :v", v=east) == "2025-12-31T23:00:00.000000Z"


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (datetime(2026, 1, 1), "time without a zone"),  # noqa: DTZ001 - what is refused
        (object(), "which no column keeps"),
        (Decimal("NaN"), "NaN is no finite number"),
        (time(1, tzinfo=UTC), "time of day with a zone"),
        ([float("nan")], "nan is no finite number"),
        ({1: {object()}}, "parameter :v cannot be kept"),
        (2**63, "int too large|too large"),
        ("\ud800", "surrogates"),
    ],
)
async def test_values_that_no_column_keeps_are_refused(
    store: Store, value: Any, message: str
) -> None:
    with pytest.raises(StatementFailed, match=message):
        await ask(store, str, "select :v", v=value)

    async def writes(tx: Transaction) -> None:
        await tx.execute("insert into item (name) values (:v)", v=value)

    with pytest.raises(StatementFailed, match=message):
        await store.transact(writes)


@pytest.mark.parametrize(
    ("kind", "sql", "message"),
    [
        (Line, "select 'a' as sku", "missing required field `count`"),
        (Line, "select 'a' as sku, 'x' as count", r"Expected `int`, got `str` - at `\$.count`"),
        (int, "select 'x'", "Expected `int`"),
        (int, "select 1, 2", "single column, and there are 2"),
        (bool, "select 2", "2 is no truth"),
        (int, "select null", "Expected `int`, got `None`|null"),
        (int, "selec 1", "syntax error"),
        (int, "select 1; select 2", "one statement at a time"),
        (int, "select :missing", "missing|binding"),
        (int, "select ?", "binding|name"),
    ],
)
async def test_what_does_not_fit_says_where(
    store: Store, kind: Any, sql: str, message: str
) -> None:
    with pytest.raises(StatementFailed, match=message):
        await ask(store, kind, sql)


async def test_a_limit_of_a_record_holds_for_rows(store: Store) -> None:
    class Small(Record):
        n: Annotated[int, msgspec.Meta(le=9)]

    with pytest.raises(StatementFailed, match="does not fit"):
        await ask(store, Small, "select 10 as n")


async def test_no_row_is_told_apart(store: Store) -> None:
    with pytest.raises(NoSuchRow, match=r"select name from item: no row\. If that may be"):
        await ask(store, str, "select name from item")
    async with store.read() as snapshot:
        assert await snapshot.fetch_optional(str, "select name from item") is None
        assert await snapshot.fetch_optional(int, "select 1 union select 2") == 1
        assert await snapshot.fetch_all(str, "select name from item") == []


async def test_execute_tells_how_many_rows_changed(store: Store) -> None:
    async def counts(tx: Transaction) -> list[int]:
        many = "insert into item (name) values ('a'), ('b') returning name"
        return [
            await tx.execute(many),
            await tx.execute("update item set n = 1 where name = :name", name="a"),
            await tx.execute("delete from item where name = 'z'"),
            await tx.execute("select 1"),
        ]

    assert await store.transact(counts) == [2, 1, 0, 0]
