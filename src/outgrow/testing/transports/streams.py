"""Replies that are streams: their order, their ends, and who waits for whom."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any, Final

import pytest

from outgrow.calls import using
from outgrow.context import Caller
from outgrow.errors import (
    ArgumentsRefused,
    CallerNotAllowed,
    CallFailed,
    CallTimedOut,
    ServiceUnreachable,
)
from outgrow.testing.transports.bench import Bench, needs
from outgrow.testing.transports.contract import Node, Refused
from outgrow.testing.transports.subject import seen
from outgrow.testing.transports.times import SHORT_SECONDS

PIECE: Final = 64 * 1024
PIECES: Final = 400
"""Together far more than what a connection keeps on its way."""


async def _count(to: int) -> AsyncGenerator[int, None]:
    for n in range(to):
        yield n


def _counting(*ends: BaseException | Callable[[], Any]) -> Callable[[int], Any]:
    """Counts, and then raises, or waits."""

    async def count(to: int) -> AsyncGenerator[int, None]:
        for n in range(to):
            yield n
        for end in ends:
            if isinstance(end, BaseException):
                raise end
            await end()

    return count


async def _hang() -> None:
    await asyncio.Event().wait()


async def read(stream: Any) -> tuple[list[Any], Exception | None]:
    """What came of *stream*, and the error that it ended with, if any."""
    met: list[Any] = []
    try:
        async for item in stream:
            met.append(item)  # noqa: PERF401 - what came before the error is looked at
    except Exception as error:  # noqa: BLE001 - it is looked at
        return met, error
    return met, None


class Streams:
    """Replies that are streams."""

    @needs("streams")
    async def test_items_come_in_their_order(self, bench: Bench) -> None:
        bench.on("count", _count)

        assert [n async for n in bench.client.count(300)] == list(range(300))

    @needs("streams")
    async def test_a_stream_may_be_empty(self, bench: Bench) -> None:
        bench.on("count", _count)

        assert [n async for n in bench.client.count(0)] == []

    @needs("streams")
    async def test_a_stream_that_nobody_reads_does_not_begin(self, bench: Bench) -> None:
        bench.on("count", _count)
        await bench.client.count(3).aclose()
        stream = bench.client.count(3)
        assert not bench.subject.calls

        assert [n async for n in stream] == [0, 1, 2]

    @needs("streams")
    async def test_items_are_the_readers_own(self, bench: Bench) -> None:
        node = Node(name="a")

        async def nodes(depth: int) -> AsyncGenerator[Node, None]:
            for _ in range(depth):
                yield node
                node.children.append(Node(name="later"))

        bench.on("nodes", nodes)
        met = []
        async for one in bench.client.nodes(2):
            met.append(len(one.children))
            one.children.append(Node(name="mine"))

        assert met == [0, 1]
        assert len(node.children) == 2

    @needs("streams")
    async def test_a_problem_may_come_instead_of_items(self, bench: Bench) -> None:
        bench.on("count", _counting(Refused(name="a", left=1)))

        with pytest.raises(Refused) as caught:
            await anext(bench.client.count(0))

        assert caught.value.left == 1

    @needs("streams")
    async def test_a_problem_may_come_after_items(self, bench: Bench) -> None:
        bench.on("count", _counting(Refused(name="a", left=1)))

        met, error = await read(bench.client.count(3))

        assert met == [0, 1, 2]
        assert isinstance(error, Refused)

    @needs("streams")
    async def test_a_failure_may_come_after_items(self, bench: Bench) -> None:
        bench.on("count", _counting(LookupError("ünder way")))

        met, error = await read(bench.client.count(3))

        assert met == [0, 1, 2]
        assert isinstance(error, CallFailed)
        assert (error.error_type, error.error_text) == ("builtins.LookupError", "ünder way")
        assert error.may_have_run is True

    @needs("streams")
    async def test_a_stream_that_cancels_itself_has_failed(self, bench: Bench) -> None:
        bench.on("count", _counting(asyncio.CancelledError()))

        met, error = await read(bench.client.count(1))

        assert met == [0]
        assert isinstance(error, CallFailed)
        assert "Cancelled" in error.error_type

    @needs("streams")
    async def test_limits_and_permissions_hold_for_streams(self, bench: Bench) -> None:
        bench.on("leak", _count)
        with pytest.raises(CallerNotAllowed):
            await anext(bench.client.leak())
        with pytest.raises(ArgumentsRefused, match="to"):
            await anext(bench.client.count(-1))
        assert not bench.subject.calls

    @needs("streams")
    async def test_a_stream_has_the_context_of_its_call(self, bench: Bench) -> None:
        async def look() -> AsyncGenerator[Any, None]:
            for _ in range(2):
                yield seen(bench.clock.monotonic())

        bench.on("look", look)
        bob = Caller(kind="user", subject="bob")
        client = bench.client_of(bench.transport, caller=bob, via="orders")
        first, second = [one async for one in client.look()]

        assert (first.subject, first.via, first.key) == ("bob", "orders", None)
        assert first.correlation_id == second.correlation_id
        assert first.trace_id == second.trace_id

    @needs("streams")
    async def test_a_deadline_covers_the_whole_stream(self, bench: Bench) -> None:
        bench.on("count", _counting(_hang))

        met, error = await read(using(bench.client, deadline=4 * SHORT_SECONDS).count(2))

        assert met == [0, 1][: len(met)]
        assert isinstance(error, CallTimedOut)
        assert error.may_have_run is True
        await bench.subject.until(lambda: bench.subject.ended == len(bench.subject.calls))

    @needs("streams")
    async def test_the_deadline_of_a_contract_covers_the_whole_stream(self, bench: Bench) -> None:
        async def drip() -> AsyncGenerator[int, None]:
            while True:
                yield 1
                await bench.clock.sleep(0.01)

        bench.on("drip", drip)

        _, error = await read(bench.client.drip())
        assert isinstance(error, CallTimedOut)

        await bench.subject.until(lambda: bench.subject.ended == len(bench.subject.calls))

    @needs("streams")
    async def test_a_stream_whose_deadline_has_passed_does_not_begin(self, bench: Bench) -> None:
        bench.on("count", _count)
        stream: Any = bench.transport.bind(bench.method(bench.context("count")))(
            bench.context("count", -1.0), 3
        )

        with pytest.raises(CallTimedOut) as caught:
            await anext(stream)

        assert caught.value.may_have_run is False
        assert not bench.subject.calls

    @needs("streams")
    async def test_who_stops_reading_ends_the_stream(self, bench: Bench) -> None:
        bench.on("count", _counting(_hang))
        async with bench.client.count(5) as stream:
            assert [await anext(stream), await anext(stream)] == [0, 1]

        await bench.subject.until(lambda: bench.subject.ended == 1)
        await bench.until_idle()

    @needs("streams")
    async def test_who_is_cancelled_while_reading_ends_the_stream(self, bench: Bench) -> None:
        bench.on("count", _counting(_hang))
        read = asyncio.Event()

        async def consume() -> None:
            async with bench.client.count(1) as stream:
                await anext(stream)
                read.set()
                await anext(stream)

        async with asyncio.TaskGroup() as tasks:
            reading = tasks.create_task(consume())
            await read.wait()
            reading.cancel()

        assert reading.cancelled()
        await bench.subject.until(lambda: bench.subject.ended == 1)
        await bench.until_idle()

    @needs("streams")
    async def test_a_slow_reader_holds_the_other_side_up(self, bench: Bench) -> None:
        made = 0

        async def pages(size: int) -> AsyncGenerator[bytes, None]:
            nonlocal made
            for _ in range(PIECES):
                made += 1
                yield bytes(size)

        bench.on("pages", pages)
        async with bench.client.pages(PIECE) as stream:
            await anext(stream)
            await bench.clock.sleep(2 * SHORT_SECONDS)
            assert made < PIECES / 2
            rest = [len(page) async for page in stream]

        assert rest == [PIECE] * (PIECES - 1)

    @needs("streams")
    async def test_many_streams_go_on_at_once(self, bench: Bench) -> None:
        async def count(to: int) -> AsyncGenerator[int, None]:
            for n in range(to, to + 20):
                await bench.clock.sleep(0)
                yield n

        async def read(first: int) -> list[int]:
            return [n async for n in bench.client.count(first)]

        bench.on("count", count)
        async with asyncio.TaskGroup() as tasks:
            reading = [tasks.create_task(read(first)) for first in range(0, 600, 20)]

        assert [n for one in reading for n in one.result()] == list(range(600))
        await bench.until_idle()

    @needs("streams")
    async def test_calls_go_on_beside_a_stream_that_is_half_read(self, bench: Bench) -> None:
        async def fetch(size: int) -> bytes:
            return bytes(size)

        bench.on("count", _count)
        bench.on("fetch", fetch)
        async with bench.client.count(1_000) as stream:
            await anext(stream)
            for size in (0, 10, PIECE):
                assert len(await bench.client.fetch(size)) == size
            assert await anext(stream) == 1

    @needs("streams")
    async def test_a_stream_may_read_another_one(self, bench: Bench) -> None:
        inner = bench.client_of(bench.transport, via="transports")

        async def pages(size: int) -> AsyncGenerator[bytes, None]:
            async with aclosing(inner.count(size)) as numbers:
                async for n in numbers:
                    yield bytes(n)

        bench.on("pages", pages)
        bench.on("count", _count)

        assert [len(page) async for page in bench.client.pages(4)] == [0, 1, 2, 3]

    @needs("streams")
    async def test_a_large_item_arrives_whole(self, bench: Bench) -> None:
        async def pages(size: int) -> AsyncGenerator[bytes, None]:
            for n in range(3):
                yield bytes(size + n)

        bench.on("pages", pages)

        assert [len(page) async for page in bench.client.pages(1_000_000)] == [
            1_000_000,
            1_000_001,
            1_000_002,
        ]


class BrokenStreams:
    """Streams whose other side goes away, or whose items are too large."""

    @needs("streams")
    @needs("limit")
    async def test_an_item_beyond_the_limit_is_a_failure(self, bench: Bench) -> None:
        assert bench.message_bytes_max is not None
        largest = bench.message_bytes_max

        async def pages(size: int) -> AsyncGenerator[bytes, None]:
            yield b"small"
            yield bytes(size)

        bench.on("pages", pages)
        stream = bench.client.pages(largest + 1)
        assert await anext(stream) == b"small"

        with pytest.raises(CallFailed) as caught:
            await anext(stream)

        assert caught.value.may_have_run is True

    @needs("streams")
    @needs("away")
    async def test_a_stream_that_is_cut_tells_its_reader(self, bench: Bench) -> None:
        bench.on("count", _counting(_hang))
        stream = bench.client.count(2)
        met = [await anext(stream), await anext(stream)]
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(bench.callee.stop(0))
            with pytest.raises(ServiceUnreachable) as caught:
                await anext(stream)

        assert met == [0, 1]
        assert caught.value.may_have_run is True
        await bench.subject.until(lambda: bench.subject.ended == 1)

    @needs("streams")
    @needs("away")
    async def test_a_stream_from_nobody_has_not_run(self, bench: Bench) -> None:
        bench.on("count", _count)
        await bench.callee.stop(0)

        with pytest.raises(ServiceUnreachable) as caught:
            await anext(bench.client_of(bench.connect()).count(3))

        assert caught.value.may_have_run is False

    @needs("streams")
    @needs("closing")
    async def test_a_transport_that_is_closed_ends_its_streams(self, bench: Bench) -> None:
        bench.on("count", _counting(_hang))
        stream = bench.client.count(1)
        await anext(stream)
        await bench.transport.close()

        with pytest.raises(ServiceUnreachable) as caught:
            await anext(stream)

        assert caught.value.may_have_run is True
        await bench.subject.until(lambda: bench.subject.ended == 1)
