"""Who is slow is not overrun: little is under way between two sides of a stream."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from feeds.feed.contract import Feed
from parity.asking import until

from outgrow.calls.grpc import MESSAGE_BYTES_MAX
from outgrow.errors import ArgumentsRefused, CallFailed
from outgrow.testing import World

PIECE_BYTES = 10_000
AHEAD_MAX = 20
"""Pieces under way that are allowed: twice of 64 KiB and a message."""


async def test_a_slow_reader_holds_the_other_side_up(world: World) -> None:
    feed = world.client(Feed)
    read = 0

    async with feed.flow("x", PIECE_BYTES) as pieces:
        for _ in range(5):
            await anext(pieces)
            read += 1
            for _ in range(20):  # The other side has the time of as many calls to run ahead.
                made = (await feed.noted("x")).made
                assert read <= made <= read + AHEAD_MAX

    await until(lambda: _has_ended(feed, "x"))


async def test_a_slow_callee_holds_its_caller_up(world: World) -> None:
    feed = world.client(Feed)
    made = 0

    async def pieces() -> AsyncIterator[bytes]:
        nonlocal made
        for _ in range(100):
            made += 1
            yield bytes(PIECE_BYTES)

    async def see_and_let_go() -> None:
        await until(lambda: _taken(feed, "x", 1))
        for _ in range(50):  # The caller has the time of as many calls to run ahead.
            await feed.noted("x")
        assert 1 <= made <= 1 + AHEAD_MAX
        await feed.let_go("x")

    async with asyncio.TaskGroup() as tasks:
        giving = tasks.create_task(feed.take_bytes("x", pieces()))
        tasks.create_task(see_and_let_go())

    assert giving.result() == 100 * PIECE_BYTES
    assert made == 100


@pytest.mark.worlds("together", "wired")  # Between processes it is as wired, and takes longer.
async def test_ten_thousand_items_are_never_under_way_at_once(world: World) -> None:
    feed = world.client(Feed)
    size, read = 64, 0

    async with feed.flow("x", size) as pieces:
        async for _ in pieces:
            read += 1
            if read % 1_000 == 0:
                ahead = (await feed.noted("x")).made - read
                assert ahead <= 2_500
            if read == 10_000:
                break

    await until(lambda: _has_ended(feed, "x"))


async def test_an_item_beyond_the_limit_of_messages_ends_the_stream(world: World) -> None:
    feed = world.client(Feed)
    pieces = feed.flow("x", MESSAGE_BYTES_MAX + 1)

    if world.name == "together":  # Nothing is sent there, and so nothing is too large.
        assert len(await anext(pieces)) == MESSAGE_BYTES_MAX + 1
        await pieces.aclose()
    else:
        with pytest.raises(CallFailed, match="at most 4194304 are carried"):
            await anext(pieces)

    await until(lambda: _has_ended(feed, "x"))


async def test_a_given_item_beyond_the_limit_of_messages_is_refused(world: World) -> None:
    feed = world.client(Feed)

    async def pieces() -> AsyncIterator[bytes]:
        yield b"small"
        yield bytes(MESSAGE_BYTES_MAX + 1)

    await feed.let_go("x")
    if world.name == "together":
        assert await feed.take_bytes("x", pieces()) == MESSAGE_BYTES_MAX + 6
    else:
        with pytest.raises(ArgumentsRefused, match="at most 4194304 are carried") as refused:
            await feed.take_bytes("x", pieces())
        assert refused.value.findings[0][0] == "pieces[1]"

    await until(lambda: _has_ended(feed, "x"))


async def _has_ended(feed: Feed, name: str) -> bool:
    noted = await feed.noted(name)
    return noted.begun == noted.ended == 1


async def _taken(feed: Feed, name: str, count: int) -> bool:
    return (await feed.noted(name)).taken >= count
