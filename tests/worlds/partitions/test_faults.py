"""What goes wrong on purpose goes wrong as it was said, in every world, and the same each time."""

from __future__ import annotations

import asyncio

import pytest
from ring.one.contract import One
from ring.two.contract import Two

from outgrow import using
from outgrow.errors import CallTimedOut, Overloaded, ServiceUnreachable
from outgrow.testing import ApartWorld, World
from outgrow.testing.faults import Dice, Fault

pytestmark = pytest.mark.stores("sqlite")  # Nothing is kept here.


async def test_a_refused_call_has_not_run(world: World) -> None:
    one, two = world.client(One), world.client(Two)

    async with world.faults(seed=1).between("one", "two", refusal=1):
        outcome = await one.ring_two(5, 5.0)

    assert (outcome.error, outcome.may_have_run) == ("Overloaded", False)
    assert await two.count(5) == 0
    assert (await one.ring_two(5, 5.0)).reply == "1"


async def test_a_fault_is_between_two_and_nobody_else(world: World) -> None:
    one, two = world.client(One), world.client(Two)

    async with world.faults.between("one", "two", refusal=1):
        assert (await one.ask_three("x", 5.0)).reply == "three x"
        assert (await two.ask_one("x", 5.0)).reply == "one x"
        assert await two.ask("x") == "two x"


async def test_what_the_test_calls_itself_can_fail_too(world: World) -> None:
    two = world.client(Two)

    async with world.faults.between("outside", "two", refusal=1):
        with pytest.raises(Overloaded):
            await two.ask("x")

    assert await two.ask("x") == "two x"


async def test_a_call_that_is_cut_may_have_run(world: World) -> None:
    one, two = world.client(One), world.client(Two)

    async with world.faults(seed=3).between("one", "two", error=1) as happened:
        outcomes = [await one.ring_two(n, 5.0) for n in range(12)]

    assert {(o.error, o.may_have_run) for o in outcomes} == {("ServiceUnreachable", True)}
    ran = [await two.count(n) for n in range(12)]
    cut = [throw.cut for throw in happened.throws]
    assert set(ran) == {0, 1}
    assert ran == [int(one == "after") for one in cut]


async def test_latency_holds_a_call_up_but_not_beyond_its_deadline(world: World) -> None:
    one = world.client(One)

    async with world.faults.between("one", "two", latency=(0.01, 0.02)):
        assert (await one.ask_two("x", 5.0)).seconds >= 0.009
    async with world.faults.between("one", "two", latency=60.0):
        outcome = await one.ask_two("x", 0.05)
    assert outcome.error == "CallTimedOut"
    assert outcome.seconds < 30


async def test_what_arrives_twice_runs_twice_only_if_it_may(world: World) -> None:
    one, two = world.client(One), world.client(Two)
    before = await two.count(-1)

    async with world.faults.between("one", "two", duplicate=1):
        await one.ask_two("x", 5.0)
        await one.ring_two(1, 5.0)

    asked = await two.count(-1) - before
    assert asked >= 2
    assert await two.count(1) == 1


async def test_calls_may_overtake_each_other(world: World) -> None:
    one = world.client(One)

    async with (
        world.faults.between("one", "two", reorder=0.5) as happened,
        asyncio.TaskGroup() as tasks,
    ):
        calls = [tasks.create_task(one.ask_two(str(n), 5.0)) for n in range(10)]

    assert [call.result().reply for call in calls] == [f"two {n}" for n in range(10)]
    assert {throw.held for throw in happened.throws} == {True, False}


@pytest.mark.faults
async def test_nothing_comes_out_of_a_black_hole_until_it_heals(world: World) -> None:
    one, two = world.client(One), world.client(Two)
    await one.ask_two("warm", 5.0)

    async with world.partition("one", "two"):
        outcomes = [await one.ask_two("x", 0.1), await two.ask_one("x", 0.1)]
        assert (await one.ask_three("x", 5.0)).reply == "three x"
        late = asyncio.get_running_loop().create_task(one.ask_two("late", 9.0))
    healed = await late

    assert {o.error for o in outcomes} == {"CallTimedOut"}
    assert healed.reply == "two late"
    assert (await two.ask_one("x", 5.0)).reply == "one x"


@pytest.mark.faults
async def test_a_reply_that_is_reset_in_the_middle_may_have_run(world: World) -> None:
    one, two = world.client(One), world.client(Two)
    await one.ask_two("warm", 5.0)

    async with world.faults.between("one", "two", reset_mid_reply=True):
        outcome = await one.ring_two(1, 5.0)
        assert (outcome.error, outcome.may_have_run) == ("ServiceUnreachable", True)
        assert await two.count(1) == 1

    assert (await one.ask_two("x", 5.0)).reply == "two x"


@pytest.mark.faults
async def test_bytes_that_are_slow_still_arrive(world: World) -> None:
    one = world.client(One)
    await one.ask_two("warm", 5.0)

    async with world.faults.between("one", "two", slow_bytes=20_000):
        outcome = await one.ask_two("x" * 2_000, 9.0)

    assert outcome.reply == "two " + "x" * 2_000
    assert outcome.seconds > 0.04


@pytest.mark.faults
async def test_a_caller_of_a_half_open_connection_waits_and_no_longer_than_it_said(
    world: World,
) -> None:
    one = world.client(One)
    await one.ask_two("warm", 5.0)

    async with world.faults.between("one", "two", half_open=True):
        outcome = await one.ring_two(1, 0.2)
        assert outcome.error in {"CallTimedOut", "ServiceUnreachable"}
        assert outcome.may_have_run

    await until_answered(one)


async def until_answered(one: One) -> None:
    async with asyncio.timeout(20):
        while (await one.ask_two("again", 2.0)).error:
            pass


@pytest.mark.worlds("together")
async def test_the_same_seed_is_the_same_again(world: World) -> None:
    one = world.client(One)
    wishes = {"error": 0.3, "refusal": 0.3, "duplicate": 0.5, "latency": (0.0, 0.001)}

    async def run(seed: int) -> list[object]:
        async with world.faults(seed=seed).between("one", "two", **wishes) as happened:
            for n in range(20):
                await one.ask_two(str(n), 5.0)
        return list(happened.throws)

    first = await run(7)

    assert await run(7) == first
    assert await run(8) != first


@pytest.mark.worlds("apart")
async def test_the_same_seed_is_the_same_in_another_process(world: World) -> None:
    one = world.client(One)
    async with world.faults(seed=7).between("one", "two", refusal=0.5) as happened:
        outcomes = [await one.ring_two(n, 5.0) for n in range(10)]

    dice = Dice(Fault(refusal=0.5), "7/one/two")
    expected = [dice.throw("two.ring") for _ in range(10)]
    assert happened.throws == expected
    assert [bool(o.error) for o in outcomes] == [throw.refused for throw in expected]


@pytest.mark.worlds("together")
async def test_what_cannot_be_is_refused(world: World) -> None:
    with pytest.raises(ValueError, match="'four' is not in this application"):
        async with world.faults.between("one", "four", error=1):
            pass
    with pytest.raises(ValueError, match="no fault was named"):
        async with world.faults.between("one", "two"):
            pass
    with pytest.raises(ValueError, match="from 0 to 1"):
        async with world.faults.between("one", "two", error=2):
            pass
    with pytest.raises(TypeError, match=r"'errors' is nothing that can go wrong.* error,"):
        async with world.faults.between("one", "two", errors=1):  # type: ignore[call-arg]
            pass


@pytest.mark.worlds("together", "apart")
async def test_a_second_fault_between_the_same_two_is_refused(world: World) -> None:
    for _ in range(2):
        async with world.faults.between("one", "two", error=1):
            with pytest.raises(ValueError, match="something is wrong between one and two already"):
                async with world.faults.between("one", "two", latency=0.1):
                    pass


@pytest.mark.worlds("apart")
async def test_a_process_that_is_not_there_is_told_from_those_that_are(world: ApartWorld) -> None:
    with pytest.raises(ValueError, match="'four' is not in this application: one, "):
        world.kill("four")
    with pytest.raises(ValueError, match="there is no replica 2 of 'one', but 1"):
        world.kill("one", replica=2)


@pytest.mark.faults
@pytest.mark.worlds("apart")
async def test_calls_go_on_while_a_process_is_parted_from_nats(world: World) -> None:
    one, two = world.client(One), world.client(Two)

    async with world.partition("one", "nats"):
        assert (await one.ask_two("x", 5.0)).reply == "two x"
        assert (await two.ask_one("x", 5.0)).reply == "one x"

    await world.settle()
    assert (await one.ask_two("x", 5.0)).reply == "two x"


@pytest.mark.worlds("apart")
async def test_bytes_need_proxies(world: World) -> None:
    with pytest.raises(ValueError, match="mark the test with"):
        async with world.partition("one", "two"):
            pass


@pytest.mark.worlds("together", "wired")
async def test_a_call_from_outside_into_a_black_hole_ends_at_its_deadline(world: World) -> None:
    two = world.client(Two)

    async with world.faults.between("outside", "two", black_hole=True):
        with pytest.raises((CallTimedOut, ServiceUnreachable)):
            await using(two, deadline=0.05).ask("x")
