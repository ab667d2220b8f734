"""The record, as a Pydantic model."""

from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Annotated, Generic, Literal
from uuid import UUID

from annotated_types import Ge, MaxLen
from conformance.kinds.shared import Colour, Level, T
from pydantic import BaseModel


class ModelPart(BaseModel):
    """A record inside a record."""

    name: Annotated[str, MaxLen(5)]
    count: Annotated[int, Ge(1)] = 1


class ModelNode(BaseModel):
    """A record that holds itself."""

    name: str
    below: "list[ModelNode]" = []
    beside: "ModelNode | None" = None


class ModelPage(BaseModel, Generic[T]):
    """A generic record."""

    items: list[T]
    total: int


class ModelCard(BaseModel):
    """A member of a union."""

    number: str
    kind: Literal["card"] = "card"


class ModelCash(BaseModel):
    """Another one, whose fields all have defaults."""

    coins: tuple[int, ...] = ()
    kind: Literal["cash"] = "cash"


class AllModel(BaseModel):
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
    parts: list[ModelPart]
    nested: list[list[int]]
    some: tuple[int, ...]
    pair: tuple[int, str]
    tags: set[str]
    levels: frozenset[Level]
    by_name: dict[str, ModelPart]
    by_day: dict[date, int]
    by_number: dict[int, list[str]]
    node: ModelNode
    page: ModelPage[ModelPart]
    paid: ModelCard | ModelCash
    payments: "list[ModelCard | ModelCash]"
    maybe_paid: "ModelCard | ModelCash | None"
    limited: Annotated[list[int], MaxLen(3)] = []
    maybe: str | None = None
    maybe_part: ModelPart | None = None
    maybe_list: list[str] | None = None
    count: Annotated[int, Ge(0)] = 7
