"""Streams to several endpoints: under way from begin to end, and slow by their first item only."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from outgrow.calls.reaching.judging import STREAM_PROBE_SECONDS, UNSAFE_PROBE_SECONDS
from outgrow.errors import CallFailed, ServiceUnreachable
from tests.calls.reaching.simulated import DEAD, METHODS, Simulated, turn


async def read(desk: Simulated, pause: float = 0.0) -> list[str]:
    items = []
    async for item in desk.balanced.bind(METHODS["watch"])(desk.context(100)):
        items.append(item)
        await desk.clock.sleep(pause)
    return items


def fill(desk: Simulated):
    return desk.balanced.bind(METHODS["fill"])(desk.context(100), None)


async def test_a_stream_comes_from_one_endpoint_whole() -> None:
    desk = Simulated()
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(read(desk)) for _ in range(9)]
        await desk.pass_time(1)

    for task in tasks:
        assert task.result() in (["r0"] * 3, ["r1"] * 3, ["r2"] * 3)


@pytest.mark.parametrize("start", [read, fill])
async def test_what_goes_on_counts_until_its_end(start) -> None:
    desk = Simulated(2)
    for replica in desk.replicas.values():
        replica.latency = 1.0
    async with asyncio.TaskGroup() as group:
        for _ in range(10):
            group.create_task(start(desk))
        await turn()
        assert [each["in_flight"] for each in desk.statistics()["endpoints"]] == [5, 5]
        await desk.pass_time(10)
    assert [each["in_flight"] for each in desk.statistics()["endpoints"]] == [0, 0]


async def test_an_endpoint_is_as_slow_as_its_first_item_however_slow_its_reader_is() -> None:
    desk = Simulated()
    await desk.load(2)
    async with asyncio.TaskGroup() as group:
        for _ in range(6):
            group.create_task(read(desk, pause=5.0))
        await desk.pass_time(20)

    assert desk.statistics()["left_out"] == 0
    assert all(each["slowness"] < 2 for each in desk.statistics()["endpoints"])
    assert desk.statistics()["methods"][METHODS["watch"].full_name]["usual_ms"] < 10


@pytest.mark.parametrize("start", [read, fill])
async def test_what_waits_in_a_stream_is_not_moved_and_nobody_is_judged_for_it(start) -> None:
    desk = Simulated()
    await desk.load(2)
    for replica in desk.replicas.values():
        replica.latency_of = {"watch": 60.0, "fill": 60.0}
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(start(desk)) for _ in range(3)]
        await desk.load(2)
        for task in tasks:
            assert not task.done()
            task.cancel()

    assert desk.statistics()["moved"] == desk.statistics()["left_out"] == 0
    assert sum(each["in_flight"] for each in desk.statistics()["endpoints"]) == 0


async def test_who_sends_items_is_heard() -> None:
    desk = Simulated(2)
    desk.spread = 0.0
    await desk.load(1)
    for replica in desk.replicas.values():
        replica.items, replica.latency_of = 10_000, {"watch": 0.1, "report": 4.0}
    async with asyncio.TaskGroup() as group:
        readings = [group.create_task(read(desk)) for _ in range(4)]
        await desk.pass_time(0.3)
        report = group.create_task(desk.call("report", 60))
        await desk.pass_time(10)
        for reading in readings:
            reading.cancel()

    assert report.done()
    assert (desk.statistics()["moved"], desk.statistics()["left_out"]) == (0, 0)


async def test_what_is_read_of_a_stream_long_after_it_came_does_not_speak_for_who_sent_it() -> None:
    desk = Simulated(2)
    desk.spread = 0.0
    await desk.load(1)
    for replica in desk.replicas.values():
        replica.items, replica.latency_of = 10_000, {"watch": 0.0}
    async with asyncio.TaskGroup() as group:
        readings = [group.create_task(read(desk, pause=0.1)) for _ in range(4)]
        await desk.pass_time(0.3)
        desk[0].latency = DEAD
        await desk.load(3, callers=1)
        for reading in readings:
            reading.cancel()

    assert desk.told(0)["left_out"] == "does not answer"


async def test_a_reader_that_goes_away_ends_the_stream_there() -> None:
    desk = Simulated()
    items = desk.balanced.bind(METHODS["watch"])(desk.context())

    async def first() -> str:
        async for item in items:
            return item
        return ""

    async with asyncio.TaskGroup() as group:
        task = group.create_task(first())
        await desk.pass_time(0.1)
    await items.aclose()

    assert task.result()
    assert [replica.open for replica in desk.replicas.values()] == [0, 0, 0]
    assert sum(each["in_flight"] for each in desk.statistics()["endpoints"]) == 0


async def test_a_reader_that_is_cancelled_while_its_stream_ends_leaves_nothing_under_way() -> None:
    desk = Simulated(1)
    desk[0].end_seconds = 60.0
    items = desk.balanced.bind(METHODS["watch"])(desk.context())

    async def first() -> None:
        async with contextlib.aclosing(items):
            await anext(items)

    async with asyncio.TaskGroup() as group:
        task = group.create_task(first())
        await desk.pass_time(0.1)
        assert desk.told(0)["in_flight"] == 1, "it ends just now"
        task.cancel()
    assert desk.told(0)["in_flight"] == 0

    desk.tell({"r1": 100})
    await desk.load(0.1)
    assert desk[0].closed == 1


@pytest.mark.parametrize("start", [read, fill])
async def test_streams_that_fail_tell_of_their_endpoint(start) -> None:
    desk = Simulated(2)
    desk[0].error = lambda: CallFailed("desk.watch", "builtins.OSError", "no disk")
    failed = 0
    async with asyncio.TaskGroup() as group:

        async def caller() -> None:
            nonlocal failed
            for _ in range(20):
                try:
                    await start(desk)
                except CallFailed:
                    failed += 1

        group.create_task(caller())
        await desk.pass_time(0.9)

    assert desk.told(0)["left_out"] == "fails"
    assert failed < 10


async def test_a_stream_that_nobody_can_be_asked_for_says_so() -> None:
    desk = Simulated()
    desk.tell({})

    with pytest.raises(ServiceUnreachable, match="knows no process"):
        await read(desk)


async def test_who_leaves_is_closed_when_its_last_stream_has_ended() -> None:
    desk = Simulated(1)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(read(desk, pause=1.0))
        await desk.pass_time(0.5)
        desk.tell({"r1": 100})
        await desk.load(0.1)
        assert (desk[0].open, desk[0].closed) == (1, 0)
        await desk.pass_time(10)

    assert len(task.result()) == 3
    assert desk[0].closed == 1


async def test_a_stream_is_no_reason_to_look_at_what_waits() -> None:
    desk = Simulated(1)
    desk[0].latency_of = {"watch": DEAD}
    async with asyncio.TaskGroup() as group:
        task = group.create_task(read(desk))
        await turn()
        assert not desk.balanced._judge.is_looking
        task.cancel()


async def test_a_stream_that_has_begun_brings_back_one_that_took_no_calls() -> None:
    desk = Simulated()
    await desk.load(2)
    desk[0].error = lambda: ServiceUnreachable("desk.watch", "stopping", may_have_run=False)
    await desk.load(0.1)
    assert desk.told(0)["left_out"] == "takes no calls"

    desk[0].error = None
    for replica in desk.replicas.values():
        replica.latency_of = {"watch": 3_000.0}
    async with asyncio.TaskGroup() as group:
        await desk.pass_time(UNSAFE_PROBE_SECONDS + 3)
        watching = group.create_task(read(desk))
        await desk.pass_time(STREAM_PROBE_SECONDS - 0.1)
        assert (desk[0].open, desk.told(0)["left_out"]) == (1, "takes no calls")
        await desk.pass_time(0.1)
        assert (desk[0].open, desk.told(0)["left_out"]) == (1, "")
        watching.cancel()


async def test_a_stream_that_says_nothing_lets_another_call_try() -> None:
    desk = Simulated()
    await desk.load(2)
    desk[0].error = lambda: CallFailed("desk.ask", "builtins.OSError", "no disk")
    async with asyncio.TaskGroup() as group:

        async def caller() -> None:
            while not desk.told(0)["left_out"]:
                with contextlib.suppress(CallFailed):
                    await desk.call()

        group.create_task(caller())
        await desk.pass_time(0.9)

    desk[0].error = None
    for replica in desk.replicas.values():
        replica.latency_of = {"watch": 3_000.0}
    async with asyncio.TaskGroup() as group:
        await desk.pass_time(UNSAFE_PROBE_SECONDS + 3)
        watching = group.create_task(read(desk))
        await desk.load(STREAM_PROBE_SECONDS - 0.1)
        assert (desk[0].open, desk.told(0)["left_out"]) == (1, "fails")
        await desk.load(0.2)
        assert (desk[0].open, desk.told(0)["left_out"]) == (1, "")
        watching.cancel()


async def test_a_stream_that_fails_at_once_brings_nobody_back() -> None:
    desk = Simulated()
    await desk.load(2)
    desk[0].error = lambda: ServiceUnreachable("desk.watch", "stopping", may_have_run=False)
    await desk.load(0.1)
    await desk.pass_time(UNSAFE_PROBE_SECONDS + 3)

    tried = desk[0].count
    with pytest.raises(ServiceUnreachable):
        await read(desk)
    desk[0].error = None
    await desk.pass_time(STREAM_PROBE_SECONDS)

    assert desk[0].count == tried + 1
    assert desk.told(0)["left_out"] == "takes no calls"
