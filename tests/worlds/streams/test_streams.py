"""A stream that is replied with means the same, wherever its callee is."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator
from typing import Any

import pytest
from feeds.feed.contract import Dry, Feed, Item
from feeds.relay.contract import Relay
from parity.asking import until

from outgrow import using
from outgrow.errors import CallerNotAllowed, CallFailed, CallTimedOut
from outgrow.testing import World


async def test_items_come_in_order_and_then_the_end(world: World) -> None:
    stream = world.client(Feed).count(5)

    assert [n async for n in stream] == [0, 1, 2, 3, 4]
    assert [n async for n in stream] == []


async def test_a_stream_may_be_empty(world: World) -> None:
    assert [n async for n in world.client(Feed).count(0)] == []


async def test_records_come_whole_and_are_nobody_elses(world: World) -> None:
    feed = world.client(Feed)
    items = []
    async for item in feed.list_items(3):
        item.tags.append("mine")
        items.append(item)

    assert items == [Item(number=n, tags=["first", "mine"]) for n in range(3)]


async def test_what_is_given_first_is_copied_once(world: World) -> None:
    mine = Item(number=1, tags=[])

    given = [item async for item in world.client(Feed).give_one(mine, 2)]

    assert given == [mine, mine]
    assert mine.tags == []
    assert given[0] is not mine


async def test_a_problem_after_items_comes_after_them(world: World) -> None:
    seen, dry = await _until_raised(world.client(Feed).run_dry(3))

    assert seen == [0, 1, 2]
    assert isinstance(dry, Dry)
    assert dry.number == 3


async def test_a_problem_may_come_instead_of_items(world: World) -> None:
    stream = world.client(Feed).run_dry(0)

    with pytest.raises(Dry):
        await anext(stream)
    with pytest.raises(StopAsyncIteration):
        await anext(stream)


@pytest.mark.parametrize("after", [0, 3])
async def test_a_failure_comes_after_the_items_before_it(world: World, after: int) -> None:
    seen, failed = await _until_raised(world.client(Feed).fail(after, "lost"))

    assert seen == list(range(after))
    assert isinstance(failed, CallFailed)
    assert failed.method == "feed.fail"
    assert (failed.error_type, failed.error_text) == ("builtins.KeyError", "'lost'")
    assert failed.may_have_run


async def test_an_item_that_does_not_fit_ends_the_stream(world: World) -> None:
    seen, failed = await _until_raised(world.client(Feed).misfit(2))

    assert [item.number for item in seen] == [0, 1]
    assert isinstance(failed, CallFailed)


async def test_a_service_is_told_of_the_failure_of_one_below(world: World) -> None:
    told = await world.client(Relay).told_by_failure(2)

    assert told == "feed.fail builtins.KeyError 'dropped' True"


async def test_nothing_begins_before_the_first_item_is_asked_for(world: World) -> None:
    feed = world.client(Feed)

    stream = feed.stop_after("x", 1)
    assert (await feed.noted("x")).begun == 0
    assert await anext(stream) == 0

    assert (await feed.noted("x")).begun == 1
    await stream.aclose()


async def test_a_stream_that_was_never_begun_can_be_closed(world: World) -> None:
    feed = world.client(Feed)

    stream = feed.stop_after("x", 1)
    await stream.aclose()

    assert [n async for n in stream] == []
    assert (await feed.noted("x")).begun == 0


async def test_closing_ends_the_other_side(world: World) -> None:
    feed = world.client(Feed)

    async with feed.stop_after("x", 5) as stream:
        assert await anext(stream) == 0

    await until(lambda: _has_ended(feed, "x"))
    assert [n async for n in stream] == []


async def test_leaving_the_loop_ends_the_other_side(world: World) -> None:
    feed = world.client(Feed)

    async for n in feed.flow("x", 1):
        assert n == b"\0"
        break
    gc.collect()

    await until(lambda: _has_ended(feed, "x"))


async def test_cancelling_the_reader_ends_the_other_side(world: World) -> None:
    feed = world.client(Feed)
    seen: list[int] = []

    async def read() -> None:
        async for n in feed.stop_after("x", 2):
            seen.append(n)  # noqa: PERF401 - more than a list is waited for

    async with asyncio.TaskGroup() as tasks:
        reading = tasks.create_task(read())
        await until(lambda: _made(feed, "x", 2))
        await until(lambda: _is(len(seen) == 2))
        reading.cancel()

    assert reading.cancelled()
    await until(lambda: _has_ended(feed, "x"))
    assert (await feed.noted("x")).cancelled == 1


async def test_closing_reaches_through_a_service_in_between(world: World) -> None:
    feed, relay = world.client(Feed), world.client(Relay)

    async with relay.flow("x", 1) as stream:
        await anext(stream)
    await until(lambda: _has_ended(feed, "x"))

    assert await relay.count_first("y", 3) == 3
    await until(lambda: _has_ended(feed, "y"))


async def test_streams_go_through_services(world: World) -> None:
    assert [n async for n in world.client(Relay).count(4)] == [0, 1, 2, 3]


async def test_a_stream_ends_when_its_deadline_passes(world: World) -> None:
    feed = world.client(Feed)

    async with asyncio.TaskGroup() as tasks:
        reading = tasks.create_task(_timed_out(using(feed, deadline=3.0).stop_after("x", 2)))
        await until(lambda: _made(feed, "x", 2))
        world.clock.advance(3.01)

    assert reading.result().method == "feed.stop_after"
    assert reading.result().may_have_run
    await until(lambda: _has_ended(feed, "x"))


async def test_the_deadline_of_the_method_holds(world: World) -> None:
    feed = world.client(Feed)

    async with asyncio.TaskGroup() as tasks:
        reading = tasks.create_task(_timed_out(feed.hurry("x", 1)))
        await until(lambda: _made(feed, "x", 1))
        world.clock.advance(5.01)

    assert reading.result().method == "feed.hurry"


async def test_a_stream_without_a_deadline_has_an_hour(world: World) -> None:
    feed = world.client(Feed)
    stream = feed.stop_after("x", 3)

    await anext(stream)
    world.clock.advance(3_599.0)
    await anext(stream)
    world.clock.advance(1.1)
    with pytest.raises(CallTimedOut):
        await anext(stream)

    await until(lambda: _has_ended(feed, "x"))


async def test_a_slow_reader_meets_the_deadline_at_its_next_step(world: World) -> None:
    feed = world.client(Feed)
    stream = using(feed, deadline=3.0).flow("x", 1)

    await anext(stream)
    world.clock.advance(3.01)
    with pytest.raises(CallTimedOut) as timed_out:
        await anext(stream)

    assert timed_out.value.may_have_run
    await until(lambda: _has_ended(feed, "x"))
    with pytest.raises(StopAsyncIteration):
        await anext(stream)


async def test_a_deadline_that_has_passed_lets_nothing_begin(world: World) -> None:
    feed = world.client(Feed)

    with pytest.raises(CallTimedOut) as timed_out:
        await anext(using(feed, deadline=-1.0).stop_after("x", 1))

    assert not timed_out.value.may_have_run
    assert (await feed.noted("x")).begun == 0


async def test_a_permission_is_asked_before_the_first_item(world: World) -> None:
    ada = world.as_user("ada").client(Feed)

    with pytest.raises(CallerNotAllowed) as refused:
        await anext(ada.count_secretly("x"))

    assert not refused.value.may_have_run
    assert (await world.client(Feed).noted("x")).begun == 0
    ben = world.as_user("ben", allow=["feed:read"]).client(Feed)
    assert [n async for n in ben.count_secretly("x")] == [1]


async def test_each_side_is_in_its_own_context_all_the_time(world: World) -> None:
    ada = world.as_user("ada").client(Relay)

    seen = [pair async for pair in ada.see(2)]

    (relay, feed), (relay_too, feed_too), (relay_last,) = seen
    assert relay == relay_too == relay_last
    assert feed == feed_too
    assert relay.subject == feed.subject == "ada"
    assert relay.correlation_id == feed.correlation_id
    assert relay.trace == feed.trace
    assert (relay.via, feed.via) == ("", "relay")


async def test_nothing_is_left_of_the_callees_context_between_items(world: World) -> None:
    from outgrow import context

    async for _ in world.client(Feed).see(1):
        with pytest.raises(LookupError):
            context()


async def test_two_streams_at_once_do_not_mix(world: World) -> None:
    feed = world.client(Feed)
    first, second = feed.count(3), feed.count(3)

    pairs = [(await anext(first), await anext(second)) for _ in range(3)]

    assert pairs == [(0, 0), (1, 1), (2, 2)]
    await first.aclose()
    await second.aclose()


async def test_a_stream_is_not_begun_inside_of_a_transaction(world: World) -> None:
    assert await world.client(Relay).stream_in_transaction() == "feed.count"


async def test_a_stream_does_not_keep_others_from_settling(world: World) -> None:
    feed = world.client(Feed)

    async with feed.stop_after("x", 1) as stream:
        await anext(stream)
        await world.settle()


async def _until_raised(stream: AsyncIterator[Any]) -> tuple[list[Any], Exception | None]:
    """What came, and what was raised after it."""
    seen: list[Any] = []
    try:
        async for item in stream:
            seen.append(item)  # noqa: PERF401 - a list would be lost with the error
    except Exception as error:  # noqa: BLE001 - the tests look at it
        return seen, error
    return seen, None


async def _timed_out(stream: AsyncIterator[Any]) -> CallTimedOut:
    _, error = await _until_raised(stream)
    assert isinstance(error, CallTimedOut)
    return error


async def _has_ended(feed: Feed, name: str) -> bool:
    noted = await feed.noted(name)
    return 0 < noted.begun == noted.ended


async def _made(feed: Feed, name: str, count: int) -> bool:
    return (await feed.noted(name)).made >= count


async def _is(fact: bool) -> bool:
    return fact
