"""Values mean the same in every world."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from parity.ledger.contract import Colour, Everything, Ledger, Line

from outgrow import Record
from outgrow.errors import ArgumentsRefused
from outgrow.testing import World


def everything(**changes: object) -> Everything:
    """A value of each kind, none of them a default."""
    return Everything(
        text="žluťoučký 🐎\x00",
        number=-(2**63),
        ratio=0.1,
        truth=True,
        raw=b"\x00\xff",
        moment=datetime(2026, 11, 23, 4, 5, 6, 123456, tzinfo=UTC),
        colour=Colour.BLUE,
        lines=[Line(item="a", quantity=2), Line(item="b")],
        counts={"x": 1, "": 2},
        line=Line(item="c"),
        note="",
        tags=[],
    ).replace(**changes)


async def test_a_value_of_every_kind_comes_back_equal(world: World) -> None:
    value = everything()

    assert value == await world.client(Ledger).echo(value)


async def test_what_is_absent_comes_back_absent_and_what_is_empty_empty(world: World) -> None:
    value = everything(line=None, note=None, tags=None, lines=[], counts={}, text="")

    echoed = await world.client(Ledger).echo(value)

    assert value == echoed
    assert echoed.tags is None


@pytest.mark.parametrize("number", [0, 1, -1, 2**63 - 1, -(2**63)])
async def test_integers_of_64_bits_are_exact(world: World, number: int) -> None:
    value = everything(number=number)

    assert value == await world.client(Ledger).echo(value)


async def test_a_moment_keeps_its_microseconds_and_is_utc(world: World) -> None:
    moment = datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)

    echoed = await world.client(Ledger).echo(everything(moment=moment))

    assert moment == echoed.moment
    assert echoed.moment.tzinfo is not None


async def test_a_method_without_a_reply_returns_none(world: World) -> None:
    assert await world.client(Ledger).echo_none() is None  # type: ignore[func-returns-value]


async def test_arguments_that_are_left_out_have_their_defaults(world: World) -> None:
    ledger = world.client(Ledger)

    assert await ledger.join() == "a-7-None"
    assert await ledger.join(number=0) == "a-0-None"
    assert await ledger.join("", tags=[]) == "-7-[]"


async def test_the_callee_cannot_change_what_the_caller_gave(world: World) -> None:
    lines, counts = [Line(item="mine")], {"mine": 1}

    assert await world.client(Ledger).spoil(lines, counts) == 4

    assert lines == [Line(item="mine")]
    assert counts == {"mine": 1}


async def test_the_caller_cannot_change_what_the_callee_keeps(world: World) -> None:
    ledger = world.client(Ledger)

    (await ledger.get_held()).append("mine")

    assert await ledger.get_held() == ["kept"]


async def test_what_is_no_list_is_not_taken_for_one(world: World) -> None:
    with pytest.raises(ArgumentsRefused):
        await world.client(Ledger).spoil("ab", {})  # type: ignore[arg-type]


async def test_a_limit_of_a_parameter_is_checked_before_anything_is_sent(world: World) -> None:
    ledger = world.client(Ledger)

    with pytest.raises(ArgumentsRefused, match=r"ledger\.limited: cents: 0 is not at least 1"):
        await ledger.limited(0, "short")
    with pytest.raises(ArgumentsRefused, match=r"name: 'too long' is not at most 5 long") as raised:
        await ledger.limited(1, "too long")

    assert not raised.value.may_have_run
    assert await ledger.limited(1, "five5") == 1


async def test_a_limit_of_a_record_is_checked_when_it_is_made(world: World) -> None:
    with pytest.raises(ValueError, match="quantity: 0 is not at least 1"):
        Line(item="a", quantity=0)

    assert world.name


async def test_a_record_is_frozen(world: World) -> None:
    line: Record = (await world.client(Ledger).echo(everything())).lines[0]

    with pytest.raises(AttributeError):
        line.item = "other"  # type: ignore[attr-defined]
