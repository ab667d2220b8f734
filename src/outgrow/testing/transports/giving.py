"""Streams that a caller gives, and conversations."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from typing import Any

import pytest

from outgrow.calls import using
from outgrow.errors import (
    ArgumentsRefused,
    CallTimedOut,
    ServiceUnreachable,
)
from outgrow.testing.transports.bench import Bench, needs
from outgrow.testing.transports.contract import Refused
from outgrow.testing.transports.streams import PIECE, PIECES, read
from outgrow.testing.transports.times import SHORT_SECONDS


class Source:
    """
    Items as a caller gives them.

    Attributes:
        given: How many were asked for.
        is_open: Whether it has begun, and has not come to its end yet, in whatever way.
    """

    def __init__(self, items: Any, *, gate: asyncio.Event | None = None) -> None:
        self.given = 0
        self.is_open = False
        self._items = items
        self._gate = gate

    async def __call__(self) -> AsyncGenerator[Any, None]:
        self.is_open = True
        try:
            for item in self._items:
                self.given += 1
                if isinstance(item, BaseException):
                    raise item
                yield item
            if self._gate is not None:
                await self._gate.wait()
        finally:
            self.is_open = False


async def _collect(name: str, items: Any) -> list[int]:
    return [item async for item in items]


class GivenStreams:
    """What a caller gives while its call goes on."""

    @needs("streams")
    async def test_what_is_given_arrives_in_its_order(self, bench: Bench) -> None:
        bench.on("collect", _collect)
        source = Source(range(300))

        assert await bench.client.collect("ä", source()) == list(range(300))

        assert bench.subject.calls[0][1] == "ä"
        assert not source.is_open

    @needs("streams")
    async def test_nothing_may_be_given(self, bench: Bench) -> None:
        bench.on("collect", _collect)

        assert await bench.client.collect("x", Source([])()) == []

    @needs("streams")
    async def test_a_callee_need_not_read_what_it_is_given(self, bench: Bench) -> None:
        async def collect(name: str, items: Any) -> list[int]:
            return [await anext(items), await anext(items)]

        bench.on("collect", collect)
        source = Source(range(10_000))

        assert await bench.client.collect("x", source()) == [0, 1]
        await bench.subject.until(lambda: bench.subject.ended == 1)
        await _until(bench, lambda: not source.is_open)
        assert source.given < 10_000

    @needs("streams")
    async def test_a_problem_ends_what_is_given(self, bench: Bench) -> None:
        async def collect(name: str, items: Any) -> list[int]:
            await anext(items)
            raise Refused(name=name, left=0)

        bench.on("collect", collect)
        source = Source([1], gate=asyncio.Event())

        with pytest.raises(Refused):
            await bench.client.collect("x", source())

        await _until(bench, lambda: not source.is_open)

    @needs("streams")
    async def test_an_error_of_the_giver_is_the_givers_own(self, bench: Bench) -> None:
        bench.on("collect", _collect)

        with pytest.raises(ZeroDivisionError, match="mine"):
            await bench.client.collect("x", Source([1, ZeroDivisionError("mine")])())

        await bench.subject.until(lambda: bench.subject.ended == len(bench.subject.calls))
        await bench.until_idle()

    @needs("streams")
    async def test_a_callee_that_does_not_read_holds_the_giver_up(self, bench: Bench) -> None:
        gate = asyncio.Event()

        async def swallow(bodies: Any) -> int:
            first = len(await anext(bodies))
            await gate.wait()
            return first + sum([len(body) async for body in bodies])

        bench.on("swallow", swallow)
        source = Source(bytes(PIECE) for _ in range(PIECES))
        async with asyncio.TaskGroup() as tasks:
            call = tasks.create_task(bench.client.swallow(source()))
            await bench.until_entered("swallow")
            await bench.clock.sleep(2 * SHORT_SECONDS)
            assert source.given < PIECES / 2
            gate.set()

        assert call.result() == PIECE * PIECES

    @needs("streams")
    async def test_a_deadline_ends_what_is_given(self, bench: Bench) -> None:
        bench.on("collect", _collect)
        source = Source([1], gate=asyncio.Event())

        with pytest.raises(CallTimedOut) as caught:
            await using(bench.client, deadline=4 * SHORT_SECONDS).collect("x", source())

        assert caught.value.may_have_run is True
        await bench.subject.until(lambda: bench.subject.ended == len(bench.subject.calls))
        await _until(bench, lambda: not source.is_open)

    @needs("types")
    @needs("streams")
    async def test_an_item_of_another_type_is_refused(self, bench: Bench) -> None:
        bench.on("collect", _collect)
        source = Source([1, "two", 3])

        with pytest.raises(ArgumentsRefused, match="items"):
            await bench.client.collect("x", source())

        await bench.until_idle()

    @needs("streams")
    @needs("limit")
    async def test_a_given_item_beyond_the_limit_is_refused(self, bench: Bench) -> None:
        assert bench.message_bytes_max is not None

        async def swallow(bodies: Any) -> int:
            return sum([len(body) async for body in bodies])

        bench.on("swallow", swallow)

        with pytest.raises(ArgumentsRefused, match="bodies"):
            await bench.client.swallow(Source([b"x", bytes(bench.message_bytes_max + 1)])())

        await bench.until_idle()

    @needs("streams")
    @needs("away")
    async def test_a_giver_is_told_when_its_callee_is_cut(self, bench: Bench) -> None:
        bench.on("collect", _collect)
        source = Source([1], gate=asyncio.Event())

        async def give() -> None:
            with pytest.raises(ServiceUnreachable) as caught:
                await bench.client.collect("x", source())
            assert caught.value.may_have_run is True

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(give())
            await bench.until_entered("collect")
            await bench.callee.stop(0)

        await _until(bench, lambda: not source.is_open)


class Conversations:
    """Streams both ways."""

    @needs("streams")
    async def test_two_may_converse(self, bench: Bench) -> None:
        async def converse(words: Any) -> AsyncGenerator[str, None]:
            async for word in words:
                yield word.upper()

        bench.on("converse", converse)
        answers: asyncio.Queue[str] = asyncio.Queue()

        async def words() -> AsyncGenerator[str, None]:
            yield "a"
            for _ in range(3):
                yield (await answers.get()) + "x"

        met = []
        async for answer in bench.client.converse(words()):
            met.append(answer)
            answers.put_nowait(answer.lower())

        assert met == ["A", "AX", "AXX", "AXXX"]

    @needs("streams")
    async def test_a_callee_may_go_on_when_all_was_given(self, bench: Bench) -> None:
        async def converse(words: Any) -> AsyncGenerator[str, None]:
            given = [word async for word in words]
            for word in reversed(given):
                yield word
                yield word

        bench.on("converse", converse)

        met = [word async for word in bench.client.converse(Source("abc")())]
        assert met == list("ccbbaa")

    @needs("streams")
    async def test_a_callee_may_end_while_more_would_be_given(self, bench: Bench) -> None:
        async def converse(words: Any) -> AsyncGenerator[str, None]:
            yield await anext(words)

        bench.on("converse", converse)
        source = Source("ab", gate=asyncio.Event())

        assert [word async for word in bench.client.converse(source())] == ["a"]
        await _until(bench, lambda: not source.is_open)

    @needs("streams")
    async def test_a_conversation_may_end_with_a_problem(self, bench: Bench) -> None:
        async def converse(words: Any) -> AsyncGenerator[str, None]:
            async for word in words:
                yield word
                raise Refused(name=word, left=0)

        bench.on("converse", converse)
        source = Source("ab", gate=asyncio.Event())

        met, error = await read(bench.client.converse(source()))

        assert met == ["a"]
        assert isinstance(error, Refused)
        await _until(bench, lambda: not source.is_open)

    @needs("streams")
    async def test_who_leaves_a_conversation_ends_both_sides(self, bench: Bench) -> None:
        async def converse(words: Any) -> AsyncGenerator[str, None]:
            async for word in words:
                yield word

        bench.on("converse", converse)
        source = Source("ab", gate=asyncio.Event())
        async with bench.client.converse(source()) as stream:
            assert await anext(stream) == "a"

        await bench.subject.until(lambda: bench.subject.ended == 1)
        await _until(bench, lambda: not source.is_open)
        await bench.until_idle()


async def _until(bench: Bench, holds: Callable[[], bool]) -> None:
    """Return when *holds*; what is waited for tells nobody when it changes."""
    async with asyncio.timeout(10.0):
        while not holds():
            await bench.clock.sleep(0.005)
