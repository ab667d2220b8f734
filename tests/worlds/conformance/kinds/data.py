"""The record, as a frozen dataclass."""

from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Annotated, Generic, Literal
from uuid import UUID

from annotated_types import Ge, MaxLen
from conformance.kinds.shared import Colour, Level, T


@dataclass(frozen=True)
class DataPart:
    """A record inside a record."""

    name: Annotated[str, MaxLen(5)]
    count: Annotated[int, Ge(1)] = 1


@dataclass(frozen=True)
class DataNode:
    """A record that holds itself."""

    name: str
    below: "list[DataNode]" = field(default_factory=list)
    beside: "DataNode | None" = None


@dataclass(frozen=True)
class DataPage(Generic[T]):
    """A generic record."""

    items: list[T]
    total: int


@dataclass(frozen=True)
class DataCard:
    """A member of a union."""

    number: str
    kind: Literal["card"] = "card"


@dataclass(frozen=True)
class DataCash:
    """Another one, whose fields all have defaults."""

    coins: tuple[int, ...] = ()
    kind: Literal["cash"] = "cash"


@dataclass(frozen=True)
class AllData:
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
    parts: list[DataPart]
    nested: list[list[int]]
    some: tuple[int, ...]
    pair: tuple[int, str]
    tags: set[str]
    levels: frozenset[Level]
    by_name: dict[str, DataPart]
    by_day: dict[date, int]
    by_number: dict[int, list[str]]
    node: DataNode
    page: DataPage[DataPart]
    paid: DataCard | DataCash
    payments: "list[DataCard | DataCash]"
    maybe_paid: "DataCard | DataCash | None"
    limited: Annotated[list[int], MaxLen(3)] = field(default_factory=list)
    maybe: str | None = None
    maybe_part: DataPart | None = None
    maybe_list: list[str] | None = None
    count: Annotated[int, Ge(0)] = 7
