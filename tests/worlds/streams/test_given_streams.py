"""A stream that is given means the same, wherever its callee is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from feeds.feed.contract import Dry, Feed, Item
from feeds.relay.contract import Relay
from parity.asking import until

from outgrow import using
from outgrow.errors import ArgumentsRefused, CallTimedOut
from outgrow.testing import World


class Source:
    """Items of the test's own; tells how many were taken, and whether it was closed."""

    def __init__(self, *items: object, fails: BaseException | None = None) -> None:
        self.taken = 0
        self.has_ended = False
        self._items = items
        self._fails = fails
        self._never = asyncio.Event()

    async def items(self, *, waits: bool = False) -> AsyncIterator[object]:
        try:
            for item in self._items:
                self.taken += 1
                yield item
            if self._fails is not None:
                raise self._fails
            if waits:
                await self._never.wait()
        finally:
            self.has_ended = True


async def test_what_is_given_arrives_in_order_and_then_the_end(world: World) -> None:
    source = Source(*"abc")

    heard = [line async for line in world.client(Feed).echo("x", source.items())]

    assert heard == ["ready", "a", "b", "c", "done"]
    assert source.has_ended


async def test_the_reply_comes_after_what_is_given(world: World) -> None:
    assert await world.client(Feed).add(Source(1, 2, 3).items()) == 6


async def test_nothing_may_be_given(world: World) -> None:
    assert await world.client(Feed).add(Source().items()) == 0
    assert [line async for line in world.client(Feed).echo("x", Source().items())] == [
        "ready",
        "done",
    ]


async def test_items_are_copied(world: World) -> None:
    mine = Item(number=1, tags=["mine"])

    tags = await world.client(Feed).add_tags("x", Source(mine, mine).items())

    assert tags == ["mine", "seen", "mine", "seen"]
    assert mine.tags == ["mine"]


async def test_both_sides_speak_in_turns(world: World) -> None:
    lines: asyncio.Queue[str | None] = asyncio.Queue()

    async def said() -> AsyncIterator[str]:
        while (line := await lines.get()) is not None:
            yield line

    heard = []
    async for line in world.client(Feed).echo("x", said()):
        heard.append(line)
        lines.put_nowait(f"line {len(heard)}" if len(heard) < 20 else None)

    assert heard == ["ready", *(f"line {n}" for n in range(1, 20)), "done"]


async def test_given_streams_go_through_services(world: World) -> None:
    relay = world.client(Relay)

    assert await relay.add(Source(1, 2, 3).items()) == 6
    heard = [line async for line in relay.echo("x", Source("a").items())]
    assert heard == ["ready", "a", "done"]


async def test_who_gives_stays_in_its_own_context(world: World) -> None:
    seen = await world.as_user("ada").client(Relay).see_in_given()

    assert len(seen) == 4
    assert set(map(repr, seen)) == {repr(seen[3])}
    assert (seen[0].subject, seen[0].via) == ("ada", "")


async def test_a_callee_that_asks_for_nothing_is_given_nothing(world: World) -> None:
    source = Source(1, 2, 3)

    assert await world.client(Feed).take("x", 0, source.items()) == 0
    with pytest.raises(Dry):
        await world.client(Feed).take("x", -1, source.items())

    assert source.taken == 0


async def test_a_reply_may_come_before_the_end_of_what_is_given(world: World) -> None:
    source = Source(1, 2, 3)

    assert await world.client(Feed).take("x", 2, source.items(waits=True)) == 2

    assert source.has_ended


async def test_a_failure_of_the_givers_is_its_own(world: World) -> None:
    feed = world.client(Feed)
    source = Source(1, fails=ZeroDivisionError("mine"))

    with pytest.raises(ZeroDivisionError, match="mine"):
        await feed.take("x", 5, source.items())

    await until(lambda: _was_cancelled(feed, "x"))


async def test_a_failure_of_the_givers_ends_what_it_reads(world: World) -> None:
    feed = world.client(Feed)
    source = Source("a", fails=ZeroDivisionError("mine"))

    with pytest.raises(ZeroDivisionError, match="mine"):
        [line async for line in feed.echo("x", source.items())]

    await until(lambda: _has_ended(feed, "x"))


async def test_an_item_beyond_its_limit_is_refused_with_its_place(world: World) -> None:
    source = Source(1, 2, 2_000_000, 3)

    with pytest.raises(ArgumentsRefused) as refused:
        await world.client(Feed).add(source.items())

    assert refused.value.findings == [("numbers[2]", "2000000 is not at most 1000000")]
    assert refused.value.may_have_run
    assert (source.taken, source.has_ended) == (3, True)


async def test_an_item_that_does_not_fit_is_refused_with_its_place(world: World) -> None:
    feed = world.client(Feed)
    source = Source(Item(number=1, tags=[]), "no item")

    with pytest.raises(ArgumentsRefused) as refused:
        await feed.add_tags("x", source.items())

    assert [place for place, _ in refused.value.findings] == ["items[1]"]
    await until(lambda: _was_cancelled(feed, "x"))


async def test_what_is_no_stream_is_refused_at_once(world: World) -> None:
    with pytest.raises(ArgumentsRefused) as refused:
        await world.client(Feed).add([1, 2])

    assert refused.value.findings == [("numbers", "a list is no asynchronous iterator")]
    assert not refused.value.may_have_run


async def test_the_deadline_ends_both_sides(world: World) -> None:
    feed = world.client(Feed)
    source = Source(1, 2)

    async with asyncio.TaskGroup() as tasks:
        giving = tasks.create_task(
            _timed_out(using(feed, deadline=3.0).take("x", 9, source.items(waits=True)))
        )
        await until(lambda: _taken(feed, "x", 2))
        world.clock.advance(3.01)

    assert giving.result().method == "feed.take"
    assert source.has_ended
    await until(lambda: _was_cancelled(feed, "x"))


async def test_cancelling_the_caller_ends_both_sides(world: World) -> None:
    feed = world.client(Feed)
    source = Source(1, 2)

    async with asyncio.TaskGroup() as tasks:
        giving = tasks.create_task(feed.take("x", 9, source.items(waits=True)))
        await until(lambda: _taken(feed, "x", 2))
        giving.cancel()

    assert giving.cancelled()
    assert source.has_ended
    await until(lambda: _was_cancelled(feed, "x"))


async def test_closing_what_is_read_ends_what_is_given(world: World) -> None:
    feed = world.client(Feed)
    source = Source("a", "b")

    async with feed.echo("x", source.items(waits=True)) as heard:
        assert [await anext(heard) for _ in range(3)] == ["ready", "a", "b"]

    assert source.has_ended
    await until(lambda: _has_ended(feed, "x"))


async def _timed_out(call: object) -> CallTimedOut:
    with pytest.raises(CallTimedOut) as raised:
        await call
    return raised.value


async def _has_ended(feed: Feed, name: str) -> bool:
    noted = await feed.noted(name)
    return noted.begun == noted.ended == 1


async def _was_cancelled(feed: Feed, name: str) -> bool:
    noted = await feed.noted(name)
    return noted.ended == noted.cancelled == 1


async def _taken(feed: Feed, name: str, count: int) -> bool:
    return (await feed.noted(name)).taken >= count
