"""Whoever calls a saga gets its reply, its problem, or is told that it goes on; in every world."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from outgrow import using
from outgrow.errors import KeyReused, Overloaded, SagaAborted, StillRunning
from outgrow.sagas.driving import engine
from outgrow.testing import World
from tests.sagas.callers.booking.contract import Bookings, BookingsV2, NoBerth
from tests.sagas.callers.cranes import service as yard
from tests.sagas.callers.cranes.contract import Cranes
from tests.sagas.callers.harbour import HALF_AN_HOUR, HOUR, paused, run_out_of_time, sagas_of, until


@pytest.fixture
async def bookings(world: World) -> Any:
    return world.as_user("ada", allow=["bookings:write"]).client(Bookings)  # type: ignore[type-abstract]


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> yard.Gate:
    """What holds up those who count, in this test."""
    gate = yard.Gate()
    monkeypatch.setattr(yard, "GATE", gate)
    return gate


@pytest.fixture
async def cranes(world: World) -> Any:
    return world.client(Cranes)  # type: ignore[type-abstract]


async def test_equal_keys_join_and_get_one_reply(bookings: Any, cranes: Any) -> None:
    async with asyncio.TaskGroup() as group:
        keyed = using(bookings, key="7")
        calls = [group.create_task(keyed.book("Ada")) for _ in range(5)]

    assert {call.result() for call in calls} == {"Ada has 1"}
    assert await using(bookings, key="7").book("Ada") == "Ada has 1"
    assert await bookings.booked() == ["Ada"]
    assert await cranes.moves() == ["up Ada"]
    with pytest.raises(KeyReused):
        await using(bookings, key="7").book("Bob")


async def test_a_problem_comes_after_its_undos(bookings: Any, cranes: Any) -> None:
    for _ in range(2):
        with pytest.raises(NoBerth) as caught:
            await using(bookings, key="7").book("Ada", "too late")
        assert caught.value.ship == "Ada"

    assert await bookings.booked() == []
    assert await cranes.moves() == ["up Ada", "down Ada"]


async def test_what_is_undone_without_a_problem_says_why(bookings: Any, cranes: Any) -> None:
    with pytest.raises(SagaAborted, match="never awaited") as caught:
        await bookings.book("Ada", "loosely")

    assert caught.value.method == "booking.book"
    assert caught.value.saga_id.startswith("booking-")
    assert await cranes.moves() == ["up Ada", "down Ada"]


async def test_whose_time_is_over_is_told_and_joins_later(
    world: World, bookings: Any, cranes: Any
) -> None:
    keyed = using(bookings, key="7")
    async with asyncio.TaskGroup() as group:
        calling = group.create_task(_met(keyed.book("Ada", "with the tide")))
        await paused(world)
        await run_out_of_time(world, calling)
    running = calling.result()
    assert isinstance(running, StillRunning)
    assert running.saga_id.startswith("booking-")

    world.clock.advance(HALF_AN_HOUR)
    await world.settle()

    assert await keyed.book("Ada", "with the tide") == "Ada has 1"
    assert await cranes.moves() == ["up Ada"]


@pytest.mark.worlds("wired", "apart")
async def test_an_undo_of_what_never_came_has_no_effect(
    world: World, bookings: Any, cranes: Any
) -> None:
    keyed = using(bookings, key="7")

    async def is_put_off() -> bool:
        told = await sagas_of(world)
        return bool(told["running"] == 1 and told["worked_at_here"] == 0)

    async with asyncio.TaskGroup() as group:
        async with world.faults.between("booking", "cranes", refusal=1.0):
            group.create_task(_met(keyed.book("Ada")))
            await until(is_put_off)
        world.clock.advance(HOUR)
    await world.settle()

    with pytest.raises(SagaAborted, match="its time was over"):
        await keyed.book("Ada")
    assert await bookings.booked() == []
    assert await cranes.moves() == []


@pytest.mark.long
@pytest.mark.worlds("apart")
@pytest.mark.stores("postgres")
@pytest.mark.replicas(2)
async def test_equal_keys_join_at_whichever_replica(
    world: World, bookings: Any, cranes: Any
) -> None:
    ships = [f"ship {n}" for n in range(8)]
    async with asyncio.TaskGroup() as group:
        calls = [
            group.create_task(using(bookings, key=ship).book(ship))
            for ship in ships
            for _ in range(4)
        ]

    replies = [call.result() for call in calls]
    assert len(set(replies)) == len(ships)
    assert await bookings.booked() == ships
    assert sorted(await cranes.moves()) == [f"up {ship}" for ship in ships]


async def test_sagas_of_a_second_version_of_a_contract_say_whose_they_are(world: World) -> None:
    again: Any = world.client(BookingsV2)  # type: ignore[type-abstract]

    assert await again.book_again("Ada", "at once") == "Ada"
    with pytest.raises(SagaAborted) as caught:
        await again.book_again("Bob", "loosely")

    assert caught.value.method == "booking.v2.book_again"
    async with asyncio.TaskGroup() as group:
        calling = group.create_task(_met(again.book_again("Eve", "with the tide")))
        await paused(world)
        await run_out_of_time(world, calling)
    assert isinstance(calling.result(), StillRunning)


@pytest.mark.worlds("together")
async def test_nobody_is_told_of_a_saga_that_is_not_written_down(
    world: World, bookings: Any, cranes: Any, gate: yard.Gate
) -> None:
    gate.open.clear()
    async with asyncio.TaskGroup() as group:
        hasty = using(bookings, key="7", deadline=5.0)
        calling = group.create_task(_met(hasty.book("Ada", "asking")))
        await until(gate.is_reached)
        await run_out_of_time(world, calling, 5.0)
    assert isinstance(calling.result(), StillRunning)

    # The query fails: the saga is there all the same, and asks again.
    gate.error = LookupError("no cranes")
    gate.open.set()
    told = await sagas_of(world)
    assert told["running"] == 1
    gate.error = None
    await world.settle()

    assert await using(bookings, key="7").book("Ada", "asking") == "Ada has 1"
    assert await cranes.moves() == ["up Ada"]


@pytest.mark.worlds("together")
async def test_a_saga_that_could_not_begin_was_none(
    world: World, bookings: Any, gate: yard.Gate
) -> None:
    gate.error = LookupError("no cranes")

    met = await _met(using(bookings, key="7").book("Ada", "asking"))

    assert "no cranes" in str(met)
    assert not isinstance(met, StillRunning)
    told = await sagas_of(world)
    assert told["running"] == told["waiting"] == told["undoing"] == 0


@pytest.mark.worlds("together")
async def test_more_sagas_than_may_be_worked_at_are_refused(
    bookings: Any, gate: yard.Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "RUNNING_MAX", 1)
    gate.open.clear()
    async with asyncio.TaskGroup() as group:
        group.create_task(bookings.book("Ada", "asking"))
        await until(gate.is_reached)
        with pytest.raises(Overloaded) as caught:
            await bookings.book("Bob")
        gate.open.set()

    assert caught.value.may_have_run is False
    assert await bookings.booked() == ["Ada"]


async def _met(calling: Any) -> Any:
    """What a call ended with."""
    try:
        return await calling
    except Exception as error:  # noqa: BLE001 - it is looked at
        return error
