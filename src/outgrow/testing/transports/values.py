"""What arrives is what was sent, and is the receiver's own."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

import msgspec
import pytest

from outgrow.errors import ArgumentsRefused, CallFailed
from outgrow.testing.transports.bench import Bench, needs
from outgrow.testing.transports.contract import (
    Card,
    Collections,
    Colour,
    Level,
    Node,
    Page,
    Point,
    Scalars,
    Transfer,
)

_ID: Final = UUID("00000000-0000-7000-8000-00000000000a")


def collections(**fields: Any) -> Collections:
    """All collections, empty but for *fields*."""
    empty: dict[str, Any] = {
        "numbers": [],
        "gaps": [],
        "matrix": [],
        "pair": (0, ""),
        "points": (),
        "tags": set(),
        "levels": frozenset(),
        "by_name": {},
        "by_number": {},
        "by_colour": {},
        "by_id": {},
        "by_day": {},
        "payments": [],
        "payment": None,
        "page": Page[Point](items=[]),
        "maybe_list": None,
        "maybe_map": None,
    }
    return Collections(**(empty | fields))


async def _same(value: Any) -> Any:
    return value


async def _mirrored(bench: Bench, field: str, *values: Any) -> None:
    """Each of *values* comes back as it was, in *field* of a record of single values."""
    bench.on("mirror", _same)
    for value in values:
        reply = await bench.client.mirror(Scalars(**{field: value}))
        found = getattr(reply, field)
        assert found == value, (field, value, found)
        assert type(found) is type(value), (field, value, found)


async def _gathered(bench: Bench, field: str, *values: Any) -> None:
    """The same, in a record of collections."""
    bench.on("gather", _same)
    for value in values:
        reply = await bench.client.gather(collections(**{field: value}))
        found = getattr(reply, field)
        assert found == value, (field, value, found)
        assert type(found) is type(value), (field, value, found)


class Values:
    """What arrives is what was sent, and is the receiver's own."""

    async def test_text_arrives_as_it_was(self, bench: Bench) -> None:
        bench.on("echo", _same)
        for text in ("", "a", "ä€𝄞", "\u0000\t\n\r", "'\";--", "\u202eright", "x" * 10_000):
            assert await bench.client.echo(text) == text

    async def test_nothing_arrives_as_nothing(self, bench: Bench) -> None:
        async def nothing() -> None:
            return None

        bench.on("nothing", nothing)

        assert await bench.client.nothing() is None

    async def test_truth_arrives(self, bench: Bench) -> None:
        await _mirrored(bench, "a_bool", True, False)

    async def test_whole_numbers_arrive_to_the_ends_of_64_bits(self, bench: Bench) -> None:
        await _mirrored(bench, "an_int", 0, 1, -1, 2**31, 2**53 + 1, 2**63 - 1, -(2**63))

    async def test_floats_arrive_digit_for_digit(self, bench: Bench) -> None:
        await _mirrored(bench, "a_float", 0.1, 1e308, 5e-324, -1.5, 3.0)
        reply = await bench.client.mirror(Scalars(a_float=-0.0))
        assert math.copysign(1, reply.a_float) == -1

    async def test_bytes_arrive(self, bench: Bench) -> None:
        await _mirrored(bench, "some_bytes", b"", b"\x00\xff", bytes(range(256)) * 10)

    async def test_moments_arrive_to_the_microsecond(self, bench: Bench) -> None:
        moment = datetime(2024, 2, 29, 23, 59, 59, 999_999, tzinfo=UTC)
        await _mirrored(bench, "a_datetime", moment, datetime(1901, 1, 1, tzinfo=UTC), None)

    async def test_a_moment_in_another_zone_is_the_same_moment(self, bench: Bench) -> None:
        bench.on("mirror", _same)
        moment = datetime(2024, 5, 17, 1, 2, 3, tzinfo=timezone(timedelta(hours=5, minutes=30)))

        assert (await bench.client.mirror(Scalars(a_datetime=moment))).a_datetime == moment

    async def test_days_times_and_durations_arrive(self, bench: Bench) -> None:
        await _mirrored(bench, "a_date", date(1, 1, 1), date(9999, 12, 31))
        await _mirrored(bench, "a_time", time(0, 0), time(23, 59, 59, 1))
        await _mirrored(bench, "a_timedelta", timedelta(0), timedelta(days=-1, microseconds=1))

    async def test_decimals_keep_their_digits(self, bench: Bench) -> None:
        bench.on("mirror", _same)
        for text in ("0", "1.10", "-12345678901234567890.123456789", "1E+3"):
            reply = await bench.client.mirror(Scalars(a_decimal=Decimal(text)))
            assert reply.a_decimal == Decimal(text)

    async def test_ids_arrive(self, bench: Bench) -> None:
        await _mirrored(bench, "a_uuid", _ID, UUID(int=0), UUID(int=2**128 - 1))

    async def test_members_of_enumerations_arrive_as_members(self, bench: Bench) -> None:
        await _mirrored(bench, "colour", *Colour)
        await _mirrored(bench, "level", *Level)

    async def test_literals_arrive(self, bench: Bench) -> None:
        await _mirrored(bench, "text_literal", "a", "b")
        await _mirrored(bench, "number_literal", 1, -7)

    async def test_lists_keep_their_order_and_their_gaps(self, bench: Bench) -> None:
        await _gathered(bench, "numbers", [], [3, 1, 2, 1], list(range(2_000)))
        await _gathered(bench, "gaps", [None, 1, None], [None])
        await _gathered(bench, "matrix", [[], [1], [2, 3]], [[]])

    async def test_tuples_and_sets_arrive_as_what_they_were(self, bench: Bench) -> None:
        await _gathered(bench, "pair", (7, "seven"))
        await _gathered(bench, "points", (Point(1.0), Point(2.0, 3.0)))
        await _gathered(bench, "tags", {"a", "b"})
        await _gathered(bench, "levels", frozenset(Level))

    async def test_maps_keep_their_keys_and_their_order(self, bench: Bench) -> None:
        await _gathered(bench, "by_name", {"": 0, "ä": 1}, {"z": 1, "a": 2})
        await _gathered(bench, "by_number", {-1: Point(1.0), 2**60: Point(0.0)})
        await _gathered(bench, "by_colour", {Colour.DARK_BLUE: 1})
        await _gathered(bench, "by_id", {_ID: {"a": Decimal("1.5")}})
        await _gathered(bench, "by_day", {date(2024, 1, 2): None, date(2024, 1, 1): timedelta(1)})
        reply = await bench.client.gather(collections(by_name={"z": 1, "a": 2}))
        assert list(reply.by_name) == ["z", "a"]

    async def test_members_of_unions_arrive_as_their_own_class(self, bench: Bench) -> None:
        card, transfer = Card(number="4"), Transfer(iban="DE", at=date(2024, 1, 1))
        await _gathered(bench, "payments", [card, transfer, card])
        await _gathered(bench, "payment", card, transfer, None)

    async def test_generic_records_arrive(self, bench: Bench) -> None:
        await _gathered(bench, "page", Page[Point](items=[Point(1.0)], next="2"))

    async def test_nothing_is_told_from_empty(self, bench: Bench) -> None:
        await _gathered(bench, "maybe_list", None, [], [1])
        await _gathered(bench, "maybe_map", None, {}, {"a": 1})

    async def test_records_inside_of_themselves_arrive(self, bench: Bench) -> None:
        bench.on("grow", _same)
        tree = Node(name="0")
        for n in range(20):
            tree = Node(name=str(n), children=[tree, Node(name="leaf")])

        assert await bench.client.grow(tree) == tree
        assert await bench.client.grow(None) is None

    async def test_defaults_are_filled_in_at_the_caller(self, bench: Bench) -> None:
        async def measure(*arguments: Any) -> list[str]:
            return [repr(argument) for argument in arguments]

        bench.on("measure", measure)

        assert await bench.client.measure(2) == ["2", "[]", "1.5"]
        assert await bench.client.measure(2, factor=0.0, names=["a"]) == ["2", "['a']", "0.0"]

    async def test_the_callee_does_not_see_what_its_caller_changes_later(
        self, bench: Bench
    ) -> None:
        kept: list[list[int]] = []

        async def sort(numbers: list[int]) -> list[int]:
            kept.append(numbers)
            return []

        bench.on("sort", sort)
        mine = [3, 1, 2]
        await bench.client.sort(mine)
        mine.append(4)

        assert kept == [[3, 1, 2]]

    async def test_the_caller_does_not_see_what_the_callee_does_to_an_argument(
        self, bench: Bench
    ) -> None:
        async def sort(numbers: list[int]) -> list[int]:
            numbers.sort()
            return numbers

        bench.on("sort", sort)
        mine = [3, 1, 2]

        assert await bench.client.sort(mine) == [1, 2, 3]
        assert mine == [3, 1, 2]

    async def test_what_the_caller_does_to_a_reply_is_not_seen_by_the_callee(
        self, bench: Bench
    ) -> None:
        kept = [1]

        async def sort(numbers: list[int]) -> list[int]:
            return kept

        bench.on("sort", sort)
        (await bench.client.sort([])).append(2)

        assert kept == [1]
        assert await bench.client.sort([]) == [1]

    async def test_records_are_copied_as_deep_as_they_go(self, bench: Bench) -> None:
        kept: list[Node] = []

        async def grow(node: Node) -> Node:
            kept.append(node)
            node.children[0].children.append(Node(name="new"))
            return node

        bench.on("grow", grow)
        mine = Node(name="a", children=[Node(name="b")])
        reply = await bench.client.grow(mine)
        reply.children.clear()

        assert mine == Node(name="a", children=[Node(name="b")])
        assert len(kept[0].children) == 1

    @needs("types")
    async def test_an_argument_of_another_type_is_refused_before_it_runs(
        self, bench: Bench
    ) -> None:
        for wrong in (1, None, b"x", ["a"], 2**70):
            with pytest.raises(ArgumentsRefused, match="text") as caught:
                await bench.client.echo(wrong)
            assert caught.value.may_have_run is False
        assert not bench.subject.calls

    @needs("types")
    async def test_a_number_beyond_64_bits_is_refused_with_its_place(self, bench: Bench) -> None:
        with pytest.raises(ArgumentsRefused) as caught:
            await bench.client.mirror(Scalars(an_int=2**63))

        assert [place for place, _ in caught.value.findings] == ["scalars.an_int"]
        assert not bench.subject.calls

    @needs("types")
    async def test_a_reply_of_another_type_is_a_failure_of_the_method(self, bench: Bench) -> None:
        async def echo(text: str) -> Any:
            return msgspec.UNSET

        bench.on("echo", echo)

        with pytest.raises(CallFailed) as caught:
            await bench.client.echo("x")
        assert caught.value.may_have_run is True
