"""Streams that end first: who reads them is told, whether it waits or not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from outgrow.calls import Ending
from outgrow.contracts import Contract, query, read_contract
from outgrow.errors import ServiceUnreachable


class Brook(Contract):
    """Flows."""

    @query()
    def flow(self, upto: int) -> AsyncIterator[int]: ...

    @query()
    async def ask(self) -> int: ...


METHODS = read_contract(Brook).methods


class Source:
    def __init__(self):
        self.ended = 0
        self.waits = asyncio.Event()

    def bind(self, method):
        return self.flow if method.is_reply_stream else self.ask

    async def flow(self, context, upto):
        try:
            for n in range(upto):
                yield n
            self.waits.set()
            await asyncio.Event().wait()
        finally:
            self.ended += 1

    async def ask(self, context):
        return 7


@pytest.fixture
def source():
    return Source()


async def met(awaitable):
    try:
        return await awaitable
    except ServiceUnreachable as error:
        return error


async def test_who_waits_for_an_item_is_told_at_once(source):
    ending = Ending(source.bind)
    stream = ending.bind(METHODS["flow"])(None, 0)

    async with asyncio.TaskGroup() as tasks:
        reading = tasks.create_task(met(anext(stream)))
        await source.waits.wait()
        ending.end_all()

    assert reading.result().may_have_run
    assert source.ended == 1
    with pytest.raises(StopAsyncIteration):
        await anext(stream)


async def test_who_does_not_wait_is_told_at_the_next_step(source):
    ending = Ending(source.bind)
    stream = ending.bind(METHODS["flow"])(None, 5)

    assert await anext(stream) == 0
    ending.end_all()
    error = await met(anext(stream))

    assert error.may_have_run
    assert str(error) == "test_ending.flow: its process is stopping"
    assert source.ended == 1
    assert asyncio.current_task().cancelling() == 0


async def test_none_begins_afterwards(source):
    ending = Ending(source.bind)
    ending.end_all()

    error = await met(anext(ending.bind(METHODS["flow"])(None, 5)))

    assert not error.may_have_run
    assert source.ended == 0


async def test_other_calls_go_on(source):
    ending = Ending(source.bind)
    ending.end_all()

    assert await ending.bind(METHODS["ask"])(None) == 7


async def test_who_is_cancelled_at_the_same_time_is_cancelled(source):
    ending = Ending(source.bind)
    stream = ending.bind(METHODS["flow"])(None, 0)

    async with asyncio.TaskGroup() as tasks:
        reading = tasks.create_task(met(anext(stream)))
        await source.waits.wait()
        reading.cancel()
        ending.end_all()

    assert reading.cancelled()
    assert source.ended == 1


async def test_a_stream_that_is_left_is_forgotten(source):
    ending = Ending(source.bind)
    stream = ending.bind(METHODS["flow"])(None, 5)
    await anext(stream)
    await stream.aclose()

    ending.end_all()

    assert source.ended == 1
