"""Endpoints that become bad: how soon that is seen, what it costs, and how they come back."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable

import pytest

from outgrow.errors import CallFailed, CallTimedOut, Overloaded, ServiceUnreachable
from tests.calls.reaching.simulated import DEAD, METHODS, Simulated, turn

USUAL = 0.0075
"""What a call takes at the most where all is well."""


async def warmed(count: int = 3, seed: int = 7) -> Simulated:
    """Calls have gone well for a while, so that it is known what is usual."""
    desk = Simulated(count, seed)
    await desk.load(10, callers=1)
    await desk.load(0.5)
    return desk


def count_of(desk: Simulated, n: int) -> int:
    return desk[n].count


@pytest.mark.parametrize("seed", range(2))
async def test_one_that_is_20_times_slower_gets_next_to_nothing_within_2_seconds(seed: int) -> None:
    desk = await warmed(seed=seed)
    desk[0].latency *= 20
    began = desk.clock.monotonic()

    await desk.load(4, callers=16)

    assert desk.slowest(began + 0.5) <= USUAL
    assert desk.told(0)["left_out"] == "is slower than the others"
    assert not desk.failed


@pytest.mark.parametrize(("seed", "name"), [(0, "ask"), (1, "order")])
async def test_one_that_is_silent_fails_nobody_and_is_seen_within_2_seconds(
    seed: int, name: str
) -> None:
    desk = await warmed(seed=seed)
    desk[0].latency = DEAD
    began = desk.clock.monotonic()

    await desk.load(4, callers=16, names=(name,))

    assert desk.slowest(began, share=0.99) <= 2
    assert desk.slowest(began + 0.1) <= USUAL
    assert not desk.failed
    assert desk.statistics()["moved"] == desk[0].cancelled >= 1
    assert desk.told(0)["left_out"] == "does not answer"


async def test_one_that_is_silent_is_seen_by_a_single_caller_too() -> None:
    desk = await warmed()
    desk[0].latency = DEAD
    began = desk.clock.monotonic()

    await desk.load(10, callers=1)

    assert max(took for at, took in desk.took if at >= began) < 1
    assert not desk.failed


async def test_it_comes_back_by_one_call_and_grows() -> None:
    desk = await warmed()
    desk[0].latency = DEAD
    await desk.load(2, callers=16)
    before = desk[0].count
    assert desk.told(0)["left_out_seconds"] > 0

    desk[0].latency = desk[1].latency
    shares = []
    for _ in range(9):
        counts = {n: count_of(desk, n) for n in range(3)}
        await desk.load(1, callers=8)
        made = {n: count_of(desk, n) - counts[n] for n in range(3)}
        shares.append(made[0] / sum(made.values()))

    assert before < desk[0].count
    assert desk.statistics()["returned"] == 1
    began = next(n for n, share in enumerate(shares) if share > 0)
    assert shares[began] < 0.25, "it does not get its share at once"
    assert shares[began + 1] < shares[-1]
    assert shares[-1] > 0.28
    assert desk.told(0)["weight_now"] == 100


async def test_each_time_in_a_row_is_longer_up_to_a_limit() -> None:
    desk = await warmed()
    desk[0].latency = DEAD

    times = []
    for _ in range(220):
        before = count_of(desk, 0)
        await desk.load(0.5, callers=2)
        if count_of(desk, 0) > before:
            times.append(desk.clock.monotonic())

    pauses = [round(later - earlier, 2) for earlier, later in itertools.pairwise(times[1:])]
    assert pauses == sorted(pauses)
    assert pauses[-1] > 25
    assert desk[0].count - desk[0].cancelled < 3000
    assert len(pauses) >= 4, "one call each time"


async def test_no_more_than_half_are_left_out_on_suspicion() -> None:
    desk = await warmed(5)
    for n in range(4):
        desk[n].latency = DEAD

    await desk.load(3, callers=16)

    out = [each for each in desk.statistics()["endpoints"] if each["left_out"]]
    assert 1 <= len(out) <= 2
    assert not desk.failed, "the fifth has them all in the end"


async def test_if_all_become_slow_none_is_left_out() -> None:
    desk = await warmed()
    for replica in desk.replicas.values():
        replica.latency *= 20

    await desk.load(5, callers=16)

    assert desk.statistics()["left_out"] == 0
    assert desk.statistics()["moved"] == 0


async def test_if_all_fall_silent_at_once_nothing_is_moved_about() -> None:
    desk = await warmed()
    for replica in desk.replicas.values():
        replica.latency = DEAD

    async with asyncio.TaskGroup() as group:
        calls = [group.create_task(failing(desk, 3)) for _ in range(20)]
        await desk.pass_time(4)

    assert {type(call.result()) for call in calls} == {CallTimedOut}
    assert (desk.statistics()["moved"], desk.statistics()["left_out"]) == (0, 0)


async def failing(desk: Simulated, seconds: float, name: str = "ask") -> Exception | None:
    try:
        await desk.call(name, seconds)
    except (CallTimedOut, CallFailed, ServiceUnreachable, Overloaded) as error:
        return error
    return None


async def test_calls_that_are_known_to_take_long_are_left_alone() -> None:
    desk = await warmed()
    for replica in desk.replicas.values():
        replica.latency_of["report"] = 3.0
    await desk.load(6, callers=2, names=("report",))
    moved = desk.statistics()["moved"]

    await desk.load(30, callers=3, names=("ask", "report", "report"))

    assert desk.statistics()["moved"] == moved
    assert not desk.failed


async def test_a_method_that_is_slow_makes_nobody_look_slow() -> None:
    desk = await warmed()
    for replica in desk.replicas.values():
        replica.latency_of["report"] = 0.2

    await desk.load(10, callers=8, names=("ask", "ask", "ask", "report"))

    assert desk.statistics()["left_out"] == 0
    assert all(each["slowness"] < 3 for each in desk.statistics()["endpoints"])


def broken() -> ServiceUnreachable:
    return ServiceUnreachable("desk.ask", "broke", may_have_run=True)


def wrong() -> CallFailed:
    return CallFailed("desk.ask", "builtins.OSError", "no disk")


@pytest.mark.parametrize("error", [broken, wrong])
async def test_one_that_fails_each_call_at_once_is_no_sink(error: Callable[[], Exception]) -> None:
    desk = await warmed()
    desk[0].error = error
    before = count_of(desk, 0)

    async def caller() -> None:
        for _ in range(40):
            await failing(desk, 10)

    async with asyncio.TaskGroup() as group:
        for _ in range(8):
            group.create_task(caller())
        await desk.pass_time(1)

    assert desk.told(0)["left_out"] == "fails"
    assert count_of(desk, 0) - before < 12


async def test_if_all_fail_all_are_used() -> None:
    desk = await warmed()
    for replica in desk.replicas.values():
        replica.error = wrong

    for _ in range(60):
        await failing(desk, 10)

    assert desk.statistics()["left_out"] <= 1
    assert sum(each["failures"] > 0 for each in desk.statistics()["endpoints"]) == 3


async def test_who_was_late_himself_judges_nobody() -> None:
    desk = await warmed()
    async with asyncio.TaskGroup() as group:
        group.create_task(desk.call())
        await turn()
        # The reply is there long since; this process was busy with something else.
        desk.clock._elapsed += 2.0
        desk.clock.advance(0)
        await desk.pass_time(1)

    assert desk.statistics()["moved"] == 0
    assert not desk.failed


async def test_unsafe_commands_do_not_try_one_that_was_left_out_before_others_have() -> None:
    desk = await warmed()
    desk[0].latency = DEAD
    await desk.load(2, callers=4)
    before = count_of(desk, 0)

    await desk.load(4, callers=4, names=("shout",))
    assert count_of(desk, 0) == before

    desk[0].latency = desk[1].latency
    await desk.load(20, callers=4, names=("shout",))
    assert count_of(desk, 0) > before, "but it is not left out for ever"


async def test_a_new_endpoint_grows_to_its_share() -> None:
    desk = await warmed()
    desk.tell({"r0": 100, "r1": 100, "r2": 100, "r3": 100})

    await desk.load(1)
    few = count_of(desk, 3)
    await desk.load(6)
    before = [count_of(desk, n) for n in range(4)]
    await desk.load(1)

    made = [count_of(desk, n) - was for n, was in enumerate(before)]
    assert 0 < few < 0.6 * made[3]
    assert made[3] > 0.8 * made[0]


async def test_calls_at_one_that_left_and_is_silent_are_moved() -> None:
    desk = await warmed()
    desk[0].latency = DEAD
    async with asyncio.TaskGroup() as group:
        calls = [group.create_task(desk.call()) for _ in range(12)]
        await turn()
        desk.tell({"r1": 100, "r2": 100})
        await desk.load(3)
        assert all(call.done() for call in calls)

    assert desk[0].closed == 1
    assert not desk.failed


async def test_a_caller_that_is_cancelled_while_its_call_is_moved_is_cancelled() -> None:
    desk = await warmed(2)
    desk[0].latency = DEAD
    async with asyncio.TaskGroup() as group:
        calls = [group.create_task(desk.call(seconds=60)) for _ in range(8)]
        await turn()
        path = desk.balanced._paths[METHODS["ask"].full_name]
        waiting = {
            task
            for each in path.values()
            if each.peer.endpoint.instance == "r0"
            for task in each.waiting
        }
        for each in path.values():
            for task in list(each.waiting):
                if task in waiting:
                    each.move(task, desk.clock.monotonic())
                    task.cancel()
        await desk.pass_time(1)

    assert waiting
    assert all(call.cancelled() == (call in waiting) for call in calls)
    assert all(not each._moved for each in path.values())


async def test_a_call_that_its_caller_has_cancelled_is_not_moved_before_it_ends() -> None:
    desk = await warmed(2)
    desk[0].latency = DEAD
    async with asyncio.TaskGroup() as group:
        calls = [group.create_task(desk.call(seconds=60)) for _ in range(8)]
        await desk.pass_time(0.2)
        open_there = desk[0].open
        for call in calls:
            call.cancel()
        desk.clock.advance(5)  # Looks come before the tasks.
        assert desk.told(0)["left_out"]

    assert open_there == sum(call.cancelled() for call in calls) > 0
    assert desk.statistics()["moved"] == 0


async def test_a_call_that_cleans_up_after_a_cancellation_is_moved_as_any_other() -> None:
    desk = await warmed(2)
    desk[0].latency = DEAD

    async def clean_up() -> str:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return await desk.call(seconds=60)
        return ""

    async with asyncio.TaskGroup() as group:
        calls = [group.create_task(clean_up()) for _ in range(8)]
        await turn()
        for call in calls:
            call.cancel()
        await desk.pass_time(5)

    assert {call.result() for call in calls} == {"r1"}
    assert desk.statistics()["moved"] > 0


@pytest.mark.parametrize(("name", "times"), [("order", 1), ("report", 3)])
async def test_a_command_that_nobody_has_timed_is_begun_at_one_replica_only(
    name: str, times: int
) -> None:
    desk = await warmed()
    for replica in desk.replicas.values():
        replica.latency_of[name] = 4.0
    before = sum(count_of(desk, n) for n in range(3))
    async with asyncio.TaskGroup() as group:
        group.create_task(desk.call(name, seconds=60))
        await desk.pass_time(20)

    assert sum(count_of(desk, n) for n in range(3)) - before == times
    assert desk.statistics()["moved"] == times - 1


async def test_a_budget_that_is_spent_lets_calls_wait_where_they_are() -> None:
    desk = await warmed(2)
    desk.budget._tokens, desk.budget._per_second = 0.0, 0
    desk.budget._share = 0.0
    desk[0].latency = DEAD

    async with asyncio.TaskGroup() as group:
        calls = [group.create_task(failing(desk, 3)) for _ in range(8)]
        await desk.pass_time(4)

    assert desk.statistics()["moved"] == 0
    assert desk.budget.refused > 0
    outcomes = [call.result() for call in calls]
    assert any(isinstance(each, CallTimedOut) for each in outcomes)


async def test_none_is_left_out_on_suspicion_if_it_is_so_set() -> None:
    desk = await warmed()
    desk.balanced._judge._ejects = False
    desk[0].latency = DEAD
    began = desk.clock.monotonic()

    await desk.load(4, callers=8)

    assert desk.statistics()["left_out"] == 0
    assert desk.slowest(began + 0.1, share=0.95) <= USUAL, "choosing goes around it all the same"
    assert not desk.failed


async def test_a_probe_that_finds_nothing_out_lets_another_try() -> None:
    desk = await warmed(2)
    desk[0].latency = DEAD
    await desk.load(2, callers=2)
    await desk.pass_time(5)
    before = count_of(desk, 0)

    async with asyncio.TaskGroup() as group:
        calls = [group.create_task(desk.call()) for _ in range(2)]
        await turn()
        for call in calls:
            call.cancel()
    assert count_of(desk, 0) == before + 1
    desk[0].error = lambda: Overloaded("desk.ask", "full")
    await desk.load(0.2, callers=1)
    assert count_of(desk, 0) == before + 2, "it has told that it is later"
    desk[0].error, desk[0].latency = None, 0.005
    await desk.load(1, callers=1)

    assert desk.told(0)["left_out"] == ""
    assert not desk.failed


async def test_one_that_has_come_back_is_not_left_out_for_having_too_much() -> None:
    desk = await warmed()
    desk[0].error = lambda: ServiceUnreachable("desk.ask", "it stops", may_have_run=False)
    await desk.load(0.2)
    assert desk.told(0)["left_out"]
    desk[0].error = None
    await desk.load(3)
    assert not desk.told(0)["left_out"]
    assert desk.statistics()["returned"] == 1

    desk[0].error = lambda: Overloaded("desk.ask", "full")
    before = count_of(desk, 0)
    for _ in range(20):
        async with asyncio.TaskGroup() as group:
            group.create_task(failing(desk, 1))
            await desk.pass_time(0.02)
        assert desk.told(0)["left_out_seconds"] == 0

    assert count_of(desk, 0) > before


async def test_a_call_with_little_time_is_not_made_to_try_one_that_was_left_out() -> None:
    desk = await warmed(2)
    desk[0].latency = DEAD
    await desk.load(2, callers=2)
    before = count_of(desk, 0)

    for _ in range(30):
        assert await failing_in_time(desk, 0.05) is False
    assert count_of(desk, 0) == before

    await desk.load(1.5, callers=1)
    assert count_of(desk, 0) == before + 1


async def failing_in_time(desk: Simulated, seconds: float) -> bool:
    async with asyncio.TaskGroup() as group:
        call = group.create_task(failing(desk, seconds))
        await desk.pass_time(2 * seconds)
    return isinstance(call.result(), CallTimedOut)


async def test_what_takes_long_now_and_then_is_known_and_made_once() -> None:
    desk = await warmed()
    executions = []

    async def ask(latency: float) -> None:
        for replica in desk.replicas.values():
            replica.latency = latency
        async with asyncio.TaskGroup() as group:
            group.create_task(desk.call())
            await desk.pass_time(3 * latency + 1)

    for _ in range(4):
        for _ in range(20):
            await ask(0.01)
        before = sum(replica.count for replica in desk.replicas.values())
        await ask(2.0)
        executions.append(sum(replica.count for replica in desk.replicas.values()) - before)

    assert executions[1:] == [1, 1, 1], "the first one taught how long it may take"
