"""Streams of callers that tell no deadline, and do nothing: they end by the callee's own."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import grpc
import grpc.aio
import pytest

from outgrow.calls.deadlines import STREAM_SECONDS_DEFAULT
from outgrow.clock import ManualClock
from tests.calls.grpc.test_streams import Banks, read_all


@pytest.fixture
async def banks():
    async with AsyncExitStack() as stack:
        banks = Banks(stack)
        banks.clock = ManualClock()
        await banks.start()
        yield banks


@pytest.fixture
async def channel(banks):
    options = [("grpc.http2.bdp_probe", 0)]  # The window stays as it is.
    async with grpc.aio.insecure_channel(banks.address, options=options) as channel:
        yield channel


async def come(clock, *, timers):
    """Wait until the server has so many deadlines to keep."""
    async with asyncio.timeout(30):
        while sum(1 for _, _, timer in clock._timers if timer.callback) < timers:
            turned = asyncio.get_running_loop().create_future()
            asyncio.get_running_loop().call_later(0.001, turned.set_result, None)
            await turned


@pytest.mark.parametrize("name", ["echo", "add"])
async def test_who_sends_no_first_message_is_told_that_the_deadline_has_passed(
    banks, channel, name
):
    call = channel.stream_stream(banks.path(name))()
    await come(banks.clock, timers=1)

    banks.clock.advance(STREAM_SECONDS_DEFAULT - 1)
    assert not call.done()
    banks.clock.advance(1)

    with pytest.raises(grpc.aio.AioRpcError, match="deadline passed") as caught:
        await call.read()
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert banks.clock.next_timer() is None


async def test_a_stream_that_nobody_reads_ends_at_its_deadline(banks, channel):
    request = banks.conversion("flow").encode_request(100_000)
    stream = aiter(channel.unary_stream(banks.path("flow"))(request))
    await anext(stream)

    banks.clock.advance(STREAM_SECONDS_DEFAULT)
    async with asyncio.timeout(30):
        await banks.service.ended.acquire()

    with pytest.raises(grpc.aio.AioRpcError, match="deadline passed") as caught:
        await read_all(stream)
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED


async def test_a_stream_that_is_over_has_no_deadline_left(banks, channel):
    numbers = banks.conversion("echo")
    call = channel.stream_stream(banks.path("echo"))()
    await call.write(numbers.encode_request(None))
    await call.write(numbers.encode_item(3))
    await call.done_writing()

    assert numbers.decode_reply(await call.read()) == 3
    assert await call.read() is grpc.aio.EOF
    banks.clock.advance(1)  # The reception looks at what it watches once more.
    assert banks.clock.next_timer() is None
