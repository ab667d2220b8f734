"""A record means the same in every world, whichever of the three kinds it is written as."""

from __future__ import annotations

import types
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from conformance.kinds import contract, data, models, records
from conformance.kinds.contract import Kinds
from conformance.kinds.shared import Colour, Level

from outgrow import using
from outgrow.errors import ArgumentsRefused, CallFailed
from outgrow.testing import World


class Kind:
    """One way of writing the record: its classes, and the methods that take them."""

    def __init__(self, name: str, prefix: str, module: types.ModuleType) -> None:
        self.name = name
        self.prefix = prefix
        self._module = module

    def __getattr__(self, name: str) -> Any:
        return getattr(self._module, f"{self.prefix}{name}")

    @property
    def all(self) -> Any:
        return getattr(self._module, f"All{self.prefix}")

    def call(self, kinds: Any, method: str) -> Any:
        return getattr(kinds, f"{method}_{self.name}")

    def everything(self, **changes: Any) -> Any:
        """A value of each type, none of them a default."""
        part = self.Part(name="a", count=2)
        node = self.Node(name="top", below=[self.Node(name="low", beside=self.Node(name="x"))])
        own: dict[str, Any] = {
            "truth": True,
            "number": -(2**63),
            "ratio": 0.1,
            "text": "žluťoučký 🐎\x00",
            "raw": b"\x00\xff",
            "moment": datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
            "day": date(2024, 2, 29),
            "at": time(23, 59, 59, 1),
            "lasts": timedelta(days=-1, microseconds=1),
            "price": Decimal("-1.50"),
            "id": UUID("0197b2f0-0000-7000-8000-000000000000"),
            "colour": Colour.BLUE,
            "level": Level.HIGH,
            "word": "down",
            "digit": 2,
            "parts": [part, self.Part(name="b")],
            "nested": [[1, 2], [], [3]],
            "some": (1, 2),
            "pair": (1, "one"),
            "tags": {"x", "y", ""},
            "levels": frozenset({Level.LOW, Level.HIGH}),
            "by_name": {"": part, "k": part},
            "by_day": {date(2020, 1, 1): 1},
            "by_number": {-1: ["a"], 2**63 - 1: []},
            "node": node,
            "page": self.Page[self.Part](items=[part], total=1),
            "paid": self.Card(number="4"),
            "payments": [self.Cash(), self.Card(number=""), self.Cash(coins=(1, 2))],
            "maybe_paid": self.Cash(coins=(5,)),
            "limited": [1, 2, 3],
            "maybe": "",
            "maybe_part": part,
            "maybe_list": [],
            "count": 0,
        }
        return self.all(**(own | changes))


@pytest.fixture(
    params=[("record", "Record", records), ("data", "Data", data), ("model", "Model", models)],
    ids=["record", "dataclass", "pydantic"],
)
def kind(request: pytest.FixtureRequest) -> Kind:
    return Kind(*request.param)


async def test_a_value_of_every_type_comes_back_equal(world: World, kind: Kind) -> None:
    value = kind.everything()

    echoed = await kind.call(world.client(Kinds), "echo")(value)

    assert echoed == value
    assert type(echoed) is kind.all
    assert repr(echoed.price) == repr(value.price)
    assert [type(one) for one in echoed.payments] == [kind.Cash, kind.Card, kind.Cash]
    assert (type(echoed.some), type(echoed.pair)) == (tuple, tuple)
    assert (type(echoed.tags), type(echoed.levels)) == (set, frozenset)
    assert type(echoed.level) is Level


async def test_a_subclass_is_refused_in_every_world(world: World, kind: Kind) -> None:
    class Wider(kind.Node):  # type: ignore[misc]
        more: int = 0

    value = kind.everything(node=kind.Node(name="top", below=[Wider(name="low")]))

    with pytest.raises(ArgumentsRefused, match="Wider"):
        await kind.call(world.client(Kinds), "echo")(value)


async def test_what_is_empty_or_absent_stays_so(world: World, kind: Kind) -> None:
    value = kind.everything(
        parts=[], nested=[], some=(), tags=set(), levels=frozenset(), by_name={}, by_day={},
        by_number={}, limited=[], maybe=None, maybe_part=None, maybe_list=None, maybe_paid=None,
        payments=[], text="", raw=b"", number=0, ratio=0.0, truth=False,
    )  # fmt: skip

    assert await kind.call(world.client(Kinds), "echo")(value) == value


@pytest.mark.parametrize(
    "changes",
    [
        {"lasts": timedelta(seconds=315_576_000_000)},
        {"lasts": timedelta(seconds=-315_576_000_000)},
        {"lasts": timedelta(0)},
        {"day": date.min},
        {"day": date.max},
        {"at": time.max},
        {"moment": datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)},
        {"moment": datetime(1, 1, 1, tzinfo=UTC)},
        {"price": Decimal("0.00")},
        {"price": Decimal("1E+30")},
        {"ratio": 5e-324},
        {"number": 2**63 - 1},
        {"id": UUID(int=0)},
    ],
    ids=str,
)
async def test_values_at_the_edges_are_exact(
    world: World, kind: Kind, changes: dict[str, Any]
) -> None:
    value = kind.everything(**changes)

    echoed = await kind.call(world.client(Kinds), "echo")(value)

    assert echoed == value
    assert repr(echoed.price) == repr(value.price)


async def test_a_callee_cannot_change_what_it_is_given(world: World, kind: Kind) -> None:
    parts, node = [kind.Part(name="a")], kind.Node(name="mine")
    page = kind.Page[int](items=[1], total=1)

    spoilt = await kind.call(world.client(Kinds), "spoil")(parts, node, page)

    assert parts == [kind.Part(name="a")]
    assert node == kind.Node(name="mine")
    assert page.items == [1]
    assert spoilt.below == [kind.Node(name="spoilt")]


async def test_members_of_a_union_are_told_apart(world: World, kind: Kind) -> None:
    pay = kind.call(world.client(Kinds), "pay")

    assert await pay(kind.Card(number="4")) == [kind.Card(number="4"), kind.Cash()]
    assert await pay(kind.Cash(coins=(1,))) == [kind.Cash(coins=(1,)), kind.Cash()]


async def test_a_problem_brings_its_records(world: World, kind: Kind) -> None:
    part, paid = kind.Part(name="a", count=3), kind.Card(number="4")
    refused: Any = getattr(contract, f"{kind.prefix}Refused")

    with pytest.raises(refused) as raised:
        await kind.call(world.client(Kinds), "refuse")(part, paid)

    assert (raised.value.part, raised.value.paid) == (part, paid)


async def test_a_repeat_gets_the_first_reply(world: World, kind: Kind) -> None:
    value = kind.everything()
    keep = kind.call(using(world.client(Kinds), key="k"), "keep")

    assert [await keep(value), await keep(value)] == [value, value]
    await world.settle()
    assert await kind.call(world.client(Kinds), "heard")() == [value]


@pytest.mark.parametrize(("name", "count"), [("toolong", 1), ("a", 0)])
async def test_a_broken_limit_is_refused_before_anything_is_sent(
    world: World, kind: Kind, name: str, count: int
) -> None:
    node, page = kind.Node(name="n"), kind.Page[int](items=[], total=0)

    with pytest.raises((ArgumentsRefused, ValueError)) as raised:
        await kind.call(world.client(Kinds), "spoil")(
            [kind.Part(name=name, count=count)], node, page
        )

    assert not getattr(raised.value, "may_have_run", False)


async def test_a_reply_that_breaks_a_limit_is_a_failure(world: World, kind: Kind) -> None:
    with pytest.raises(CallFailed) as raised:
        await kind.call(world.client(Kinds), "give_broken")()

    assert "1" in raised.value.error_text


async def test_a_model_that_was_changed_since_is_refused(world: World) -> None:
    part = models.ModelPart(name="a")
    part.count = 0
    node, page = models.ModelNode(name="n"), models.ModelPage[int](items=[], total=0)

    with pytest.raises(ArgumentsRefused, match="count"):
        await world.client(Kinds).spoil_model([part], node, page)


async def test_what_is_nested_too_deeply_is_refused(world: World, kind: Kind) -> None:
    make = getattr(kind.Node, "model_construct", kind.Node)
    node = make(name="top", below=[], beside=None)
    for _ in range(10_000):
        node = make(name="", below=[node], beside=None)

    with pytest.raises(ArgumentsRefused, match=r"nested too deep|\d deep; make it flatter"):
        await kind.call(world.client(Kinds), "spoil")([], node, kind.Page[int](items=[], total=0))
