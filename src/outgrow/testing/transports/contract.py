"""What caller and callee of the conformance suite promise each other."""

from __future__ import annotations

import enum
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Annotated, Generic, Literal, TypeVar
from uuid import UUID

import msgspec

from outgrow.contracts import (
    Contract,
    ContractModel,
    Problem,
    Record,
    command,
    query,
    read_contract,
)

T = TypeVar("T")
Name = Annotated[str, msgspec.Meta(min_length=1)]


class Colour(enum.Enum):
    """An enumeration of text."""

    RED = "red"
    DARK_BLUE = "dark-blue"


class Level(enum.IntEnum):
    """An enumeration of numbers, one of them below zero."""

    LOW = -1
    HIGH = 7


class Card(Record, tag="card"):
    """One member of a union."""

    number: str


class Transfer(Record, tag="bank-transfer"):
    """Another one, whose tag is no name."""

    iban: str
    at: date


@dataclass(frozen=True)
class Point:
    """A plain dataclass as a record."""

    x: float
    y: float = 0.0


class Page(Record, Generic[T]):
    """A generic record."""

    items: list[T]
    next: str | None = None


class Node(Record):
    """A record inside of itself."""

    name: str
    children: list[Node] = []  # noqa: RUF012 - records copy the defaults of their fields


class Scalars(Record):
    """Single values of all types."""

    a_bool: bool = False
    an_int: int = 0
    a_float: float = 0.0
    a_str: str = ""
    some_bytes: bytes = b""
    a_datetime: datetime | None = None
    a_date: date | None = None
    a_time: time | None = None
    a_timedelta: timedelta | None = None
    a_decimal: Decimal | None = None
    a_uuid: UUID | None = None
    colour: Colour = Colour.RED
    level: Level = Level.HIGH
    text_literal: Literal["a", "b"] = "a"
    number_literal: Literal[1, -7] = 1


class Collections(Record):
    """Many values of one type, and of several."""

    numbers: list[int]
    gaps: list[int | None]
    matrix: list[list[int]]
    pair: tuple[int, str]
    points: tuple[Point, ...]
    tags: set[str]
    levels: frozenset[Level]
    by_name: dict[str, int]
    by_number: dict[int, Point]
    by_colour: dict[Colour, int]
    by_id: dict[UUID, dict[str, Decimal]]
    by_day: dict[date, timedelta | None]
    payments: list[Card | Transfer]
    payment: Card | Transfer | None
    page: Page[Point]
    maybe_list: list[int] | None
    maybe_map: dict[str, int] | None


class Seen(Record):
    """What a callee sees of its own context."""

    kind: str
    subject: str
    permissions: list[str]
    tenant: str | None
    correlation_id: str
    trace_id: str
    span_id: str
    method: str
    key: str | None
    via: str
    remaining_seconds: float
    has_transaction: bool


class Refused(Problem, status="resource_exhausted"):
    """Only {left} of {name} are left."""

    name: str
    left: int
    at: datetime | None = None
    places: list[str] = []  # noqa: RUF012 - as above


class Unknown(Problem, status="not_found"):
    """There is no {name}."""

    name: str


class VeryUnknown(Unknown):
    """There was never any {name}."""

    never: bool = True


class Undeclared(Problem):
    """No method declares this, about {name}."""

    name: str


class Probe(Contract):
    """What the suite calls. What a method does, each behaviour says for itself."""

    @query()
    async def echo(self, text: str) -> str: ...

    @query()
    async def nothing(self) -> None: ...

    @query()
    async def mirror(self, scalars: Scalars) -> Scalars: ...

    @query()
    async def gather(self, collections: Collections) -> Collections: ...

    @query()
    async def grow(self, node: Node | None) -> Node | None: ...

    @query()
    async def sort(self, numbers: list[int]) -> list[int]: ...

    @query()
    async def measure(
        self,
        count: Annotated[int, msgspec.Meta(ge=1)],
        names: Annotated[list[Name], msgspec.Meta(max_length=3)] = [],  # noqa: B006 - copied
        factor: float = 1.5,
    ) -> list[str]: ...

    @query()
    async def fetch(self, size: int) -> bytes: ...

    @query()
    async def store(self, body: bytes) -> int: ...

    @query()
    async def see(self) -> Seen: ...

    @query()
    async def knock(self) -> str: ...

    @query()
    async def wait(self) -> str: ...

    @query(deadline="100ms")
    async def hurry(self) -> str: ...

    @query(allow="secrets:read")
    async def reveal(self) -> str: ...

    @query(raises=[Refused, Unknown])
    async def find(self, name: str) -> str: ...

    @query()
    async def relay(self, text: str) -> str: ...

    @query(raises=[Unknown])
    async def forward(self, name: str) -> str: ...

    @command(raises=[Refused])
    async def take(self, name: str, count: int) -> int: ...

    @command()
    async def pass_on(self, name: str, count: int) -> int: ...

    @command(repeat="unsafe")
    async def ring(self, name: str) -> int: ...

    @query(raises=[Refused])
    def count(self, to: Annotated[int, msgspec.Meta(ge=0)]) -> AsyncIterator[int]: ...

    @query()
    def pages(self, size: int) -> AsyncIterator[bytes]: ...

    @query()
    def nodes(self, depth: int) -> AsyncIterator[Node]: ...

    @query()
    def look(self) -> AsyncIterator[Seen]: ...

    @query(allow="secrets:read")
    def leak(self) -> AsyncIterator[str]: ...

    @query(deadline="100ms")
    def drip(self) -> AsyncIterator[int]: ...

    @command(repeat="unsafe", raises=[Refused])
    async def collect(self, name: str, items: AsyncIterator[int]) -> list[int]: ...

    @command(repeat="unsafe")
    async def swallow(self, bodies: AsyncIterator[bytes]) -> int: ...

    @command(repeat="unsafe", raises=[Refused])
    def converse(self, words: AsyncIterator[str]) -> AsyncIterator[str]: ...


class Absent(Contract):
    """What nobody keeps."""

    @query()
    async def ask(self) -> str: ...


def other_revision() -> ContractModel:
    """`Probe` as another process might have it: with another meaning of `echo`."""
    model = read_contract(Probe)
    store = model.methods["store"]
    echo = replace(model.methods["echo"], parameters=store.parameters, reply=store.reply)
    return replace(model, methods={**model.methods, "echo": echo})
