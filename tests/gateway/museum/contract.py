"""What the museum promises: everything that a contract can carry, in every place of a request."""

from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, IntEnum
from typing import Annotated, Any, Generic, Literal, TypeVar
from uuid import UUID

import msgspec
from annotated_types import Ge, Le, MaxLen, MinLen
from pydantic import BaseModel, ConfigDict, Field, field_validator

from outgrow.contracts import Contract, Event, Problem, Record, command, query, upcast

T = TypeVar("T")


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Floor(IntEnum):
    GROUND = 0
    UPPER = 1


class Painting(Record, tag="painting"):
    """Hangs on a wall."""

    title: Annotated[str, MinLen(1)]
    colour: Colour = Colour.RED


class Statue(Record, tag="statue"):
    title: str
    height: Decimal = Decimal("1.50")


@dataclass(frozen=True)
class Visitor:
    name: str
    age: Annotated[int, Ge(0), Le(150)] = 30
    friends: list["Visitor"] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.name == "nobody":
            raise ValueError("nobody is no visitor")


@dataclass(frozen=True)
class ByCard:
    number: str
    kind: Literal["card"] = "card"


@dataclass(frozen=True)
class InCash:
    cents: int
    kind: Literal["cash"] = "cash"


class Guide(BaseModel):
    """Knows the way."""

    model_config = ConfigDict(frozen=True)

    guide_name: str = Field(alias="guideName", max_length=20)
    languages: list[str] = []
    since: date | None = None

    @field_validator("guide_name")
    @classmethod
    def no_title(cls, guide_name: str) -> str:
        if guide_name.startswith("Sir "):
            raise ValueError("a guide has no title")
        return guide_name

    @field_validator("languages")
    @classmethod
    def no_latin(cls, languages: list[str]) -> list[str]:
        if "la" in languages:
            raise ValueError("nobody speaks Latin")
        return languages


class Renamed(Record, rename="camel"):
    first_room: int
    last_room: int | None = None


class Page(Record, Generic[T]):
    items: list[T]
    next_page: str | None = None


class Everything(Record):
    """One field for each type."""

    truth: bool
    count: Annotated[int, Ge(1), Le(10)]
    rate: Annotated[float, Ge(0.0)]
    text: Annotated[str, msgspec.Meta(pattern="^[a-z]*$")]
    data: bytes
    moment: datetime
    day: date
    hour: time
    span: timedelta
    price: Decimal
    number: UUID
    colour: Colour
    floor: Floor
    letter: Literal["a", "b"]
    digit: Literal[1, 2]
    rows: list[list[int]]
    pair: tuple[int, str]
    scores: tuple[float, ...]
    tags: set[str]
    rooms: Annotated[frozenset[int], MaxLen(3)]
    by_number: dict[int, str]
    by_day: dict[date, list[Colour]]
    by_colour: dict[Colour, int]
    by_id: dict[UUID, int]
    work: Painting | Statue
    payment: ByCard | InCash | None
    visitor: Visitor
    guide: Guide
    renamed: Renamed
    page: Page[Visitor]
    maybe: list[int | None]


class Defaults(Record):
    floor: Floor = Floor.GROUND
    price: Decimal = Decimal("0.10")
    span: timedelta = timedelta(minutes=5)
    day: date = date(2030, 1, 31)
    tags: frozenset[str] = frozenset({"b", "a"})
    pair: tuple[int, str] = (1, "x")
    visitor: Visitor = Visitor(name="ada")
    guide: Guide = Guide(guideName="bo")


PLAIN = Defaults()


class Closed(Problem, status="failed_precondition"):
    """The museum is closed until {until}."""

    until: datetime
    rooms: set[int]
    fee: Decimal = Decimal(0)


class Opened(Event, key="floor"):
    """A floor was opened."""

    floor: str
    moment: datetime
    work: Painting | Statue
    payment: ByCard | InCash
    page: Page[Statue]
    pair: tuple[int, str] = (1, "x")
    painting: Painting = Painting(title="x")


class Moved(Event, key=None, schema=2, aliases=["Carried"]):
    """
    A work hangs elsewhere.

    Nobody need know.
    """

    title: str
    room: int


@upcast(Moved, schema=1)
def _(old: dict[str, Any]) -> dict[str, Any]:
    return {**old, "room": 0}


class Museum(Contract):
    """Shows everything."""

    @command("POST /everything", raises=[Closed])
    async def keep(self, everything: Everything, defaults: Defaults = PLAIN) -> Everything: ...

    @command("POST /loose")
    async def loose(  # noqa: PLR0917 - one for each place
        self,
        numbers: set[int] | None = None,
        work: Painting | Statue | None = None,
        payment: ByCard | InCash | None = None,
        guide: Guide | None = None,
        visitor: Visitor | None = None,
        by_number: dict[int, str] | None = None,
        pair: tuple[int, str] = (1, "x"),
        page: Page[Renamed] | None = None,
        moment: datetime | None = None,
        count: int = 0,
        renamed: Renamed | None = None,
    ) -> str: ...

    @query("GET /rooms/{number}/{day}/{colour}/{floor}/{digit}")
    async def room(  # noqa: PLR0917 - one for each kind
        self,
        number: UUID,
        day: date,
        colour: Colour,
        floor: Floor,
        digit: Literal[1, 2],
        price: Decimal = Decimal("1.0"),
        moment: datetime | None = None,
        span: timedelta | None = None,
        hour: time | None = None,
        letter: Literal["a", "b"] = "a",
        count: Annotated[int, Ge(0)] = 0,
        rate: float | None = None,
        data: bytes = b"",
        truth: bool = False,
    ) -> str: ...

    @query("GET /defaults")
    async def defaults(self) -> Defaults: ...

    @command("POST /closed", raises=[Closed])
    async def close(self) -> None: ...
