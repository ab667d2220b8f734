"""Arguments that were kept, and are read by later code."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from enum import StrEnum
from typing import Annotated

import pytest
from annotated_types import Le

from outgrow.calls import decode_arguments, encode_arguments
from outgrow.contracts import Contract, Method, command, read_contract
from outgrow.errors import EventUnreadable


class Stock(Contract):
    @command()
    async def hold(self, item: str, count: Annotated[int, Le(10)] = 1) -> None: ...


class Colour(StrEnum):
    RED = "red"


class Scale(Contract):
    @command()
    async def weigh(  # noqa: PLR0917
        self,
        number: int = 1,
        weight: float = 0.0,
        price: Decimal = Decimal(1),
        weights: tuple[float, ...] = (0.0,),
        colour: Colour = Colour.RED,
        at: datetime = datetime(2024, 5, 17, tzinfo=UTC),
        marks: frozenset[int] = frozenset({1, 2}),
    ) -> None: ...


HOLD: Method = read_contract(Stock).methods["hold"]


def test_what_was_kept_comes_back_and_a_new_parameter_has_its_default() -> None:
    assert decode_arguments(HOLD, encode_arguments(HOLD, ("tea", 7))) == ("tea", 7)
    assert decode_arguments(HOLD, b'{"item":"tea"}') == ("tea", 1)


WEIGH: Method = read_contract(Scale).methods["weigh"]
DEFAULTS = {parameter.name: parameter.default for parameter in WEIGH.parameters}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("weight", -0.0),
        ("price", Decimal("1.00")),
        ("weights", (-0.0,)),
        ("at", datetime(2024, 5, 17, 2, tzinfo=timezone(timedelta(hours=2)))),
    ],
)
def test_what_only_equals_its_default_does_not_become_it(name: str, value: object) -> None:
    assert value == DEFAULTS[name]

    body = encode_arguments(WEIGH, tuple((DEFAULTS | {name: value}).values()))

    assert list(json.loads(body)) == [name]
    kept = decode_arguments(WEIGH, body)[list(DEFAULTS).index(name)]
    assert repr(kept) == repr(value)


def test_a_truth_does_not_become_the_number_that_it_equals() -> None:
    body = encode_arguments(WEIGH, tuple((DEFAULTS | {"number": True}).values()))

    assert body == b'{"number":true}'


def test_what_says_its_default_is_left_out() -> None:
    same = {
        "number": int("1"),
        "weight": float("0"),
        "price": Decimal(1),
        "weights": (float("0"),),
        "colour": "red",
        "at": datetime.fromisoformat("2024-05-17T00:00:00+00:00"),
        "marks": frozenset([2, 1]),
    }

    assert encode_arguments(WEIGH, tuple(same.values())) == b"{}"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"item":"tea","count":11}', "11 is not at most 10"),  # the limit was tightened
        (b'{"item":7}', "Expected `str`"),
        (b"{}", "item"),
    ],
)
def test_what_does_not_fit_any_more_is_refused(body: bytes, expected: str) -> None:
    with pytest.raises(EventUnreadable, match=expected):
        decode_arguments(HOLD, body)
