"""Calls to several endpoints: where each goes, and what it meets."""

from __future__ import annotations

import asyncio

import pytest

from outgrow.discovery import Followed
from outgrow.errors import CallFailed, CallTimedOut, Overloaded, ServiceUnreachable
from tests.calls.reaching.simulated import DEAD, METHODS, Simulated, turn


def away() -> ServiceUnreachable:
    return ServiceUnreachable("desk.ask", "nobody listens", may_have_run=False)


def cut() -> ServiceUnreachable:
    return ServiceUnreachable("desk.ask", "the connection broke", may_have_run=True)


def exhausted() -> Overloaded:
    """As a server that is not outgrow says it."""
    error = full()
    error.may_have_run = True
    return error


def full() -> Overloaded:
    return Overloaded("desk.ask", "full", retry_after_seconds=1.0)


def wrong() -> CallFailed:
    return CallFailed("desk.ask", "builtins.ValueError", "no")


async def test_calls_are_spread_evenly() -> None:
    desk = Simulated()

    await desk.load(3)

    counts = [replica.count for replica in desk.replicas.values()]
    assert min(counts) > 0.8 * max(counts)
    assert not desk.failed


@pytest.mark.parametrize("callers", [1, 24])
async def test_calls_are_spread_by_weight(callers: int) -> None:
    desk = Simulated(weights=(100, 10, 0))

    await desk.load(40 / callers, callers)

    counts = [replica.count for replica in desk.replicas.values()]
    assert 0.04 < counts[1] / sum(counts) < 0.18
    assert counts[2] == 0


async def test_an_endpoint_is_connected_at_its_first_call_and_only_then() -> None:
    desk = Simulated()

    await desk.load(0.001, callers=1)
    assert sum(replica.connected for replica in desk.replicas.values()) == 1
    await desk.load(1)

    assert [replica.connected for replica in desk.replicas.values()] == [1, 1, 1]


async def test_two_choices_prefer_where_less_is_under_way() -> None:
    desk = Simulated(2)
    desk[0].latency = desk[1].latency = 1.0
    await desk.load(0.001, callers=20)

    assert (desk[0].count, desk[1].count) == (10, 10)


@pytest.mark.parametrize("name", ["ask", "order", "shout"])
async def test_what_was_not_reached_goes_to_another_at_once_and_for_free(name: str) -> None:
    desk = Simulated()
    desk[0].error, desk[1].error = away, away

    async with asyncio.TaskGroup() as group:
        calls = [group.create_task(desk.call(name)) for _ in range(20)]
        await desk.pass_time(0.1)

    assert {call.result() for call in calls} == {"r2"}
    assert desk.budget.spent == 0
    assert desk.statistics()["elsewhere"] > 0
    assert (desk.told(0)["left_out"], desk.told(1)["left_out"]) == ("takes no calls",) * 2


@pytest.mark.parametrize(
    ("name", "is_repeated"), [("ask", True), ("order", True), ("shout", False)]
)
async def test_what_may_have_run_goes_elsewhere_if_that_is_safe(
    name: str, is_repeated: bool
) -> None:
    desk = Simulated(2)
    desk[0].error = cut

    async with asyncio.TaskGroup() as group:
        calls = [group.create_task(_outcome(desk.call(name))) for _ in range(2)]
        await desk.pass_time(0.1)

    outcomes = [call.result() for call in calls]
    cut_off = [each for each in outcomes if isinstance(each, ServiceUnreachable)]
    assert desk[0].count >= 1
    assert len(cut_off) == (0 if is_repeated else desk[0].count)
    assert desk.budget.spent == (desk[0].count if is_repeated else 0)


async def _outcome(call):
    try:
        return await call
    except Exception as error:  # noqa: BLE001 - it is the outcome
        return error


async def test_what_is_too_much_for_one_goes_to_another_that_is_paid_for() -> None:
    desk = Simulated(2)
    desk[0].error = full

    await desk.load(1, callers=4)

    assert not desk.failed
    assert desk.budget.spent == desk[0].count > 0
    assert desk.told(0)["left_out"] == "", "the others would soon have too much as well"


async def test_if_all_have_too_much_the_call_is_refused_after_each_was_asked_once() -> None:
    desk = Simulated()
    for replica in desk.replicas.values():
        replica.error = full

    with pytest.raises(Overloaded):
        await desk.call()

    assert [replica.count for replica in desk.replicas.values()] == [1, 1, 1]


async def test_what_may_have_run_and_must_not_twice_is_not_made_elsewhere() -> None:
    desk = Simulated()
    for replica in desk.replicas.values():
        replica.error = exhausted

    with pytest.raises(Overloaded):
        await desk.call("shout")

    assert sum(replica.count for replica in desk.replicas.values()) == 1


async def test_no_more_than_a_tenth_is_repeated_while_all_have_too_much() -> None:
    desk = Simulated()
    for replica in desk.replicas.values():
        replica.error = full

    calls, seconds = 2000, 10
    for _ in range(calls):
        with pytest.raises(Overloaded):
            await desk.call()
        desk.clock.advance(seconds / calls)

    attempts = sum(replica.count for replica in desk.replicas.values())
    assert calls < attempts <= 1.1 * calls + 100
    assert desk.budget.refused > 0


async def test_no_call_that_fails_for_its_own_reason_is_repeated() -> None:
    desk = Simulated()
    for replica in desk.replicas.values():
        replica.error = wrong

    with pytest.raises(CallFailed):
        await desk.call()

    assert sum(replica.count for replica in desk.replicas.values()) == 1


async def test_what_a_call_ends_with_speaks_of_all_attempts() -> None:
    desk = Simulated(2)
    desk[0].error = cut
    desk[1].error = away

    for _ in range(4):
        with pytest.raises(ServiceUnreachable) as caught:
            await desk.call()
        assert caught.value.may_have_run is True
        desk[1].error = away


async def test_nobody_anywhere_is_said_with_what_the_directory_says() -> None:
    desk = Simulated()

    desk.tell({})
    with pytest.raises(ServiceUnreachable, match="knows no process that answers") as caught:
        await desk.call()
    assert caught.value.may_have_run is False
    desk.tell({"r1": 0})
    with pytest.raises(ServiceUnreachable, match="1 endpoints of 'desk', all with the weight 0"):
        await desk.call()
    desk.tell({}, is_stale=True)
    with pytest.raises(ServiceUnreachable, match="its last good answer"):
        await desk.call()


async def test_a_directory_that_says_nothing_is_waited_for_until_the_deadline() -> None:
    desk = Simulated()
    desk.balanced._followed = Followed("desk", lambda _: None)

    with pytest.raises(ServiceUnreachable, match="has not said yet"):
        await desk.call(seconds=0.05)


async def test_who_leaves_gets_no_calls_and_is_closed_after_the_last_one() -> None:
    desk = Simulated(2)
    await desk.load(0.5)
    desk[0].latency = 1.0
    async with asyncio.TaskGroup() as group:
        calls = [group.create_task(desk.call()) for _ in range(10)]
        await turn()
        before = desk[0].count
        assert desk[0].open > 1
        desk.tell({"r1": 100, "r2": 100})
        await desk.load(0.2)
        assert (desk[0].count, desk[0].closed) == (before, 0)
        assert [each["instance"] for each in desk.statistics()["leaving"]] == ["r0"]
        await desk.pass_time(2)
        assert all(call.done() for call in calls)

    assert desk[0].closed == 1
    assert desk.statistics()["leaving"] == []
    assert desk[2].count > 0
    assert not desk.failed


async def test_who_leaves_and_has_nothing_to_do_is_closed_at_the_next_call() -> None:
    desk = Simulated(2)
    await desk.load(0.5)

    desk.tell({"r1": 100})
    await desk.load(0.1)

    assert (desk[0].closed, desk[1].closed) == (1, 0)


async def test_all_connections_are_closed_at_the_end() -> None:
    desk = Simulated()
    await desk.load(0.5)

    await desk.balanced.close()

    assert [replica.closed for replica in desk.replicas.values()] == [1, 1, 1]


async def test_a_caller_that_gives_up_is_not_held() -> None:
    desk = Simulated()
    for replica in desk.replicas.values():
        replica.latency = DEAD
    async with asyncio.TaskGroup() as group:
        call = group.create_task(desk.call(seconds=100))
        await desk.pass_time(0.1)
        call.cancel()

    assert call.cancelled()
    assert sum(replica.cancelled for replica in desk.replicas.values()) == 1


async def test_an_unsafe_command_waits_for_its_deadline_where_it_is() -> None:
    desk = Simulated(2)
    await desk.load(5)
    desk[0].latency = desk[1].latency = DEAD

    async with asyncio.TaskGroup() as group:
        call = group.create_task(_outcome(desk.call("shout", seconds=3)))
        desk.replicas["r0"].latency_of["ask"] = desk.replicas["r1"].latency_of["ask"] = 0.005
        await desk.load(4)

    assert isinstance(call.result(), CallTimedOut)
    assert desk[0].cancelled + desk[1].cancelled == 0


async def test_a_method_knows_its_own_endpoints_only_once() -> None:
    desk = Simulated()
    one, two = desk.balanced.bind(METHODS["ask"]), desk.balanced.bind(METHODS["order"])

    async with asyncio.TaskGroup() as group:
        for _ in range(10):
            group.create_task(one(desk.context()))
            group.create_task(two(desk.context()))
        await desk.pass_time(1)

    assert [replica.connected for replica in desk.replicas.values()] == [1, 1, 1]
