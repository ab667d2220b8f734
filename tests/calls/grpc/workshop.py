"""A contract with every shape, for the tests beside it."""

from __future__ import annotations

import enum
from datetime import UTC, datetime
from typing import Annotated

from annotated_types import Ge

from outgrow.contracts import Contract, Problem, Record, command, query


class Colour(enum.Enum):
    RED = "red"
    DARK_BLUE = "dark-blue"


class Size(Record):
    width: int
    height: float


class Part(Record):
    name: str
    count: Annotated[int, Ge(1)]
    size: Size
    colour: Colour
    made_at: datetime
    blob: bytes
    is_spare: bool


class Tree(Record):
    name: str
    children: list[Tree]
    next: Tree | None = None


class Everything(Record):
    texts: list[str]
    numbers: list[int]
    reals: list[float]
    truths: list[bool]
    blobs: list[bytes]
    times: list[datetime]
    colours: list[Colour]
    parts: list[Part]
    text_by_name: dict[str, str]
    part_by_name: dict[str, Part]
    colour_by_name: dict[str, Colour]
    time_by_name: dict[str, datetime]
    maybe_text: str | None
    maybe_number: int | None
    maybe_colour: Colour | None
    maybe_time: datetime | None
    maybe_part: Part | None
    maybe_texts: list[str] | None
    maybe_parts: list[Part] | None
    maybe_map: dict[str, Part] | None
    with_default: str = "usual"
    times_default: datetime = datetime(2020, 2, 2, tzinfo=UTC)
    colour_default: Colour = Colour.DARK_BLUE


class Broken(Problem, status="not_found"):
    """Part {name} is broken in {pieces} pieces."""

    name: str
    pieces: list[int]


class Undeclared(Problem):
    """Nobody declared this."""


class Workshop(Contract):
    """Makes things."""

    @command(raises=[Broken])
    async def make(self, name: str, cents: int) -> Part: ...

    @query()
    async def mirror(self, everything: Everything) -> Everything: ...

    @query()
    async def grow(self, tree: Tree | None) -> Tree | None: ...

    @query()
    async def echo(self, text: str) -> str: ...

    @query()
    async def measure(  # noqa: PLR0917
        self,
        count: Annotated[int, Ge(1)],
        is_exact: bool = False,
        factor: float = 1.5,
        names: list[str] | None = None,
        by_name: dict[str, int] | None = None,
        colour: Colour = Colour.RED,
    ) -> list[float] | None: ...

    @command(repeat="unsafe")
    async def forget(self) -> None: ...

    @query(deadline="2s")
    async def wait(self) -> dict[str, int]: ...
