"""Contracts become plain data that says all that others can notice."""

from __future__ import annotations

import sys
import types
from typing import Any

import msgspec
import pytest

from outgrow.contracts import ContractModel, read_contract, read_proto, write_proto
from outgrow.contracts.descriptions import (
    ContractDescription,
    EventDescription,
    FieldDescription,
    MessageNumbers,
    Numbers,
    ServiceDescription,
    describe_service,
)

SOURCE = '''
from __future__ import annotations
import enum
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Annotated, Any, Generic, Literal, TypeVar
from uuid import UUID
from annotated_types import Ge, MaxLen
from msgspec import field
from pydantic import BaseModel, Field as PydanticField
from outgrow import Contract, Event, Problem, Record, command, query, upcast

T = TypeVar("T")

class Size(enum.Enum):
    """How large."""
    SMALL = "small"
    LARGE = "large"

class Card(Record, tag="card"):
    number: str

class Cash(Record, tag="hard-cash"):
    cents: Annotated[int, Ge(1)]

class Tree(Record):
    name: str
    below: list[Tree] = []
    paid: list[Card | Cash] = []

class Page(Record, Generic[T]):
    items: list[T]

@dataclass(frozen=True)
class Point:
    x: float
    y: float = 0.5

class Model(BaseModel):
    model_config = {"frozen": True}
    name: str = PydanticField(alias="modelName", min_length=1)
    made: datetime = datetime(2020, 2, 2, tzinfo=timezone.utc)
    price: Annotated[Decimal, Ge(Decimal("1.50"))] = Decimal("2.50")
    until: Annotated[date, Ge(date(2020, 1, 1))] = date(2024, 1, 1)

class OnlyTold(Record):
    why: str

class Broken(Problem, status="not_found"):
    """{name} is broken."""
    name: str
    more: OnlyTold

class Shop(Contract):
    """A shop."""

    @query("GET /parts/{name}", allow="parts:read", deadline="2s", raises=[Broken])
    async def find(self, name: str, size: Size = Size.SMALL) -> Card | Cash | None:
        """Find a part."""

    @command()
    async def put(
        self,
        tree: Tree,
        pages: dict[str, Page[Point]],
        pair: tuple[Card | Cash, Model],
        either: dict[UUID, Card | Cash],
        point: Point = Point(x=1.0),
        kind: Literal["a", "b"] = "a",
        some: frozenset[int] = frozenset({2, 1}),
        wait: timedelta | None = timedelta(seconds=90),
        raw: bytes = b"\\xff",
    ) -> None: ...

class Made(Event, key="name", schema=2, aliases=["Built"]):
    """Something was made."""
    name: str
    size: Size

@upcast(Made, schema=1)
def _(old: dict[str, Any]) -> dict[str, Any]:
    return old | {"size": "small"}
'''


@pytest.fixture(scope="module")
def model() -> ContractModel:
    module = types.ModuleType("described.shop.contract")
    sys.modules[module.__name__] = module
    exec(compile(SOURCE, "described.py", "exec", dont_inherit=True), vars(module))
    return read_contract(vars(module)["Shop"])


def describe(model: ContractModel, numbers: Numbers | None = None) -> ServiceDescription:
    known = {"shop.v1": numbers} if numbers else {}
    return describe_service("app", "shop", [model], known)


@pytest.fixture
def contract(model) -> ContractDescription:
    return describe(model).contracts["v1.Shop"]


@pytest.fixture
def event(model) -> EventDescription:
    return describe(model).events["shop.Made"]


def parameters(contract: ContractDescription, method: str) -> dict[str, FieldDescription]:
    return {field.name: field for field in contract.methods[method].parameters}


def test_a_description_is_json_and_comes_back(model) -> None:
    description = describe(model)

    assert msgspec.json.decode(msgspec.json.encode(description), type=ServiceDescription) == (
        description
    )


def test_the_numbers_are_those_of_the_proto(model) -> None:
    numbers = read_proto(write_proto("app", [model], Numbers()))

    assert describe(model, numbers) == describe(model)


def test_other_numbers_of_the_proto_are_told(model) -> None:
    text = write_proto("app", [model], Numbers())
    turned = text.replace("card = 1;", "card = 7;")
    assert turned != text

    found = describe(model, read_proto(turned)).contracts["v1.Shop"]

    assert parameters(found, "put")["either"].type.value.numbers == {"card": 7, "hard-cash": 2}
    assert found.methods["find"].reply.item.numbers == {"card": 7, "hard-cash": 2}


def test_a_method_says_all_that_its_callers_notice(contract) -> None:
    method = contract.methods["find"]

    assert (method.kind, method.repeat, method.http) == ("query", "safe", "GET /parts/{name}")
    assert (method.allow, method.deadline_seconds) == ("parts:read", 2.0)
    assert (method.doc, method.problems) == ("Find a part.", ["shop.Broken"])
    assert contract.problems["shop.Broken"].status == "not_found"


DEFAULTS = {
    "point": {"x": 1.0, "y": 0.5},
    "kind": "a",
    "some": [1, 2],
    "wait": "PT90S",
    "raw": "/w==",
}


@pytest.mark.parametrize("name", DEFAULTS)
def test_a_default_is_json(name, contract) -> None:
    assert parameters(contract, "put")[name].default == DEFAULTS[name]


def test_limits_are_json(contract) -> None:
    fields = {field.name: field for field in contract.records["Model"].fields}

    assert fields["price"].type.limits == {"ge": "1.50"}
    assert fields["until"].type.limits == {"ge": "2020-01-01"}
    assert fields["name"].type.limits == {"min_length": 1}


def test_records_of_all_kinds_are_told(contract) -> None:
    names = {"Card", "Cash", "Tree", "PagePoint", "Point", "Model", "OnlyTold"}

    assert set(contract.records) == names
    assert contract.records["Model"].fields[0].json_name == "modelName"
    assert contract.enums["Size"].doc == "How large."
    assert contract.enums["Size"].values == {"SMALL": "small", "LARGE": "large"}


def test_what_is_only_ever_json_has_no_numbers(contract, event) -> None:
    fields = [*contract.records["OnlyTold"].fields, *contract.problems["shop.Broken"].fields]

    assert {field.number for field in [*fields, *event.fields]} == {0}
    assert event.enums["Size"].numbers == {}
    assert contract.enums["Size"].numbers == {"SMALL": 1, "LARGE": 2}


def test_an_event_says_what_its_readers_notice(event) -> None:
    told: dict[str, Any] = {name: getattr(event, name) for name in ("key", "schema", "upcasts")}

    assert told == {"key": "name", "schema": 2, "upcasts": [1]}
    assert event.aliases == ["shop.Built"]
    assert event.doc == "Something was made."


def test_places_are_looked_for_only_if_they_are_wanted(model) -> None:
    found = describe_service("app", "shop", [model], {}, with_places=False)
    contract = found.contracts["v1.Shop"]
    parts = [*contract.methods.values(), *contract.records.values(), *contract.enums.values()]

    assert {part.place for part in [contract, *parts, *found.events.values()]} == {""}


def test_a_number_that_is_taken_is_never_given_again() -> None:
    numbers = Numbers({"A": MessageNumbers(taken={"x": 1, "y": 4}, reserved={5})})

    assert numbers.of("A", ["z", "y"]) == {"y": 4, "z": 6}
