"""The record, as outgrow's own kind."""

from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Annotated, Generic, Literal
from uuid import UUID

from annotated_types import Ge, MaxLen
from conformance.kinds.shared import Colour, Level, T

from outgrow import Record


class RecordPart(Record):
    """A record inside a record."""

    name: Annotated[str, MaxLen(5)]
    count: Annotated[int, Ge(1)] = 1


class RecordNode(Record):
    """A record that holds itself."""

    name: str
    below: "list[RecordNode]" = []
    beside: "RecordNode | None" = None


class RecordPage(Record, Generic[T]):
    """A generic record."""

    items: list[T]
    total: int


class RecordCard(Record, tag="card", tag_field="kind"):
    """A member of a union."""

    number: str


class RecordCash(Record, tag="cash", tag_field="kind"):
    """Another one, whose fields all have defaults."""

    coins: tuple[int, ...] = ()


class AllRecord(Record):
    """One field of every type that a contract carries."""

    truth: bool
    number: int
    ratio: float
    text: str
    raw: bytes
    moment: datetime
    day: date
    at: time
    lasts: timedelta
    price: Decimal
    id: UUID
    colour: Colour
    level: Level
    word: Literal["up", "down"]
    digit: Literal[1, 2]
    parts: list[RecordPart]
    nested: list[list[int]]
    some: tuple[int, ...]
    pair: tuple[int, str]
    tags: set[str]
    levels: frozenset[Level]
    by_name: dict[str, RecordPart]
    by_day: dict[date, int]
    by_number: dict[int, list[str]]
    node: RecordNode
    page: RecordPage[RecordPart]
    paid: RecordCard | RecordCash
    payments: "list[RecordCard | RecordCash]"
    maybe_paid: "RecordCard | RecordCash | None"
    limited: Annotated[list[int], MaxLen(3)] = []
    maybe: str | None = None
    maybe_part: RecordPart | None = None
    maybe_list: list[str] | None = None
    count: Annotated[int, Ge(0)] = 7
