"""A contract with every type, nested in every way."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Annotated, Generic, Literal, TypeVar
from uuid import UUID

import msgspec
import pydantic
from annotated_types import Ge, MaxLen

from outgrow.contracts import Contract, Problem, Record, command, query

T = TypeVar("T")


class Colour(enum.Enum):
    """What things look like."""

    RED = "red"
    DARK_BLUE = "dark-blue"


class Level(enum.IntEnum):
    LOW = -1
    HIGH = 7


class Card(Record, tag="card"):
    """Paid with a card."""

    number: str


class Transfer(Record, tag="bank-transfer"):
    iban: str
    at: date


@dataclass(frozen=True)
class Point:
    x: float
    y: float = 0.0


class Address(pydantic.BaseModel):
    """Where somebody lives."""

    street: str = pydantic.Field(alias="streetName", max_length=50)
    zip_code: Annotated[str, MaxLen(10)] = "0000"


class Page(Record, Generic[T]):
    items: list[T]
    next: str | None = None


class Node(Record):
    name: str
    children: list[Node] = []
    by_name: dict[str, Node] = {}
    seen_at: datetime | None = None


class Everything(Record, rename="camel"):
    """
    All of it.

    With a second paragraph.
    """

    a_bool: bool
    an_int: Annotated[int, Ge(1), msgspec.Meta(lt=100)]
    a_float: float
    a_str: Annotated[str, msgspec.Meta(pattern="^[a-z]+$", max_length=5)]
    some_bytes: bytes
    a_datetime: datetime
    a_date: date
    a_time: time
    a_timedelta: timedelta
    a_decimal: Decimal
    a_uuid: UUID
    colour: Colour
    level: Level
    text_literal: Literal["a", "b"]
    number_literal: Literal[1, -7]
    payment: Card | Transfer
    maybe_payment: Card | Transfer | None
    payments: list[Card | Transfer]
    payment_by_name: dict[str, Card | Transfer]
    pair: tuple[int, str]
    pairs: list[tuple[int, Colour | None]]
    matrix: list[list[int]]
    cube: list[list[list[float]]]
    gaps: list[int | None]
    lists_by_name: dict[str, list[int]]
    maybe_by_day: dict[date, timedelta | None]
    by_number: dict[int, Point]
    by_colour: dict[Colour, int]
    by_id: dict[UUID, dict[str, Decimal]]
    tags: set[str]
    levels: frozenset[Level]
    points: tuple[Point, ...]
    address: Address
    addresses: list[Address | None] | None
    page: Page[Point]
    pages: Page[Page[Node]]
    node: Node | None
    maybe_list: list[int] | None
    maybe_map: dict[str, int] | None
    both: tuple[list[int], tuple[Card | Transfer, Card | Transfer | None]]
    with_default: timedelta = timedelta(minutes=5)
    since: datetime = datetime(2020, 2, 2, tzinfo=UTC)
    limits: Annotated[list[Annotated[int, Ge(0)]], MaxLen(3)] = []


class Lost(Problem, status="not_found"):
    """There is no {name}."""

    name: str


class Museum(Contract):
    """Keeps one of everything."""

    @query(http="GET /things/{name}", raises=[Lost], allow="things:read")
    async def get_thing(self, name: str) -> Everything:
        """
        One thing.

        Args:
            name: What it is called.
        """

    @command(http="PUT /things/{name}")
    async def put_thing(self, name: str, thing: Everything) -> None: ...

    @command(http="POST /things", repeat="unsafe")
    async def add(self, things: list[Everything], note: str = "") -> list[list[UUID]] | None: ...

    @query()
    async def pick(self, of: Card | Transfer) -> Card | Transfer | None: ...
