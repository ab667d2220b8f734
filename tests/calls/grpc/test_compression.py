"""Bodies in gzip, on request; and bodies that grow."""

from __future__ import annotations

import asyncio
import gzip
import resource
from contextlib import AsyncExitStack

import grpc
import grpc.aio
import pytest

from outgrow.errors import ArgumentsRefused, CallFailed
from outgrow.topology import Calls
from tests.calls.grpc.conftest import Wire

ECHO = "/shop.workshop.v1.Workshop/Echo"
MEGABYTE = 1024 * 1024


class Meter:
    """A way to a server that counts the bytes in both directions."""

    def __init__(self):
        self.up = self.down = 0

    async def start(self, address, stack):
        tasks = await stack.enter_async_context(asyncio.TaskGroup())
        stack.callback(self._end)
        self._tasks = []
        self._writers = []

        async def pump(reader, writer, name):
            while data := await reader.read(65_536):
                setattr(self, name, getattr(self, name) + len(data))
                writer.write(data)
                await writer.drain()
            writer.close()

        def meet(reader, writer):
            async def join():
                host, _, port = address.rpartition(":")
                there = await asyncio.open_connection(host, int(port))
                self._writers += [writer, there[1]]
                async with asyncio.TaskGroup() as both:
                    both.create_task(pump(reader, there[1], "up"))
                    both.create_task(pump(there[0], writer, "down"))

            self._tasks.append(tasks.create_task(join()))

        server = await asyncio.start_server(meet, "127.0.0.1", 0)
        stack.callback(server.close)
        return f"127.0.0.1:{server.sockets[0].getsockname()[1]}"

    def _end(self):
        for writer in self._writers:
            writer.close()
        for task in self._tasks:
            task.cancel()


@pytest.fixture
async def metered(wire, stack):
    """The wire, and what passes over it."""

    async def echo(text):
        return text

    wire.on("echo", echo)
    meter = Meter()
    wire.address = await meter.start(wire.address, stack)
    return wire, meter


async def crossed(metered, text, compression):
    wire, meter = metered
    wire.transport = wire.connect(compression=compression)
    before = meter.up, meter.down
    assert await wire.call("echo", text) == text
    return meter.up - before[0], meter.down - before[1]


async def test_a_large_body_is_small_on_the_wire_if_its_caller_asks(metered):
    up, down = await crossed(metered, "x" * MEGABYTE, "gzip")

    assert max(up, down) < MEGABYTE / 20


async def test_the_topology_file_asks_for_a_service(metered):
    asked = Calls(services={"workshop": {"compression": "gzip"}})
    other = Calls(services={"stock": {"compression": "gzip"}})
    up, down = await crossed(metered, "x" * MEGABYTE, asked.compression)
    assert max(up, down) < MEGABYTE / 20

    up, down = await crossed(metered, "x" * MEGABYTE, other.compression)
    assert min(up, down) > MEGABYTE


async def test_nothing_is_compressed_unasked(metered):
    up, down = await crossed(metered, "x" * MEGABYTE, None)

    assert min(up, down) > MEGABYTE


async def test_a_body_below_the_limit_is_sent_as_it_is(metered):
    up, down = await crossed(metered, "x" * 4_000, "gzip")

    assert min(up, down) > 4_000


async def test_a_caller_that_is_no_outgrow_may_ask_too(metered, stack):
    wire, meter = metered
    channel = await stack.enter_async_context(grpc.aio.insecure_channel(wire.address))
    body = b"\x0a\x80\x80\x04" + b"x" * 65_536

    reply = await channel.unary_unary(ECHO)(
        body,
        metadata=[("outgrow-compression", "gzip")],
        compression=grpc.Compression.Gzip,
    )

    assert reply == body
    assert max(meter.up, meter.down) < 10_000


async def test_a_small_body_that_grows_beyond_the_limit_is_refused_unread(wire, stack):
    channel = await stack.enter_async_context(
        grpc.aio.insecure_channel(
            wire.address, options=[("grpc.max_send_message_length", 200 * MEGABYTE)]
        )
    )
    call = channel.unary_unary(ECHO)
    bomb = bytes(100 * MEGABYTE)
    assert len(gzip.compress(bomb, 6)) < MEGABYTE
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call(bomb, compression=grpc.Compression.Gzip)

    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert not wire.received
    # The caller's own copies are of this process too: one of the body, and a little.
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak) * 1024
    assert grown < 150 * MEGABYTE


async def test_a_reply_that_grows_beyond_the_callers_limit_is_a_failure(wire):
    async def echo(text):
        return text * MEGABYTE

    wire.on("echo", echo)
    wire.transport = wire.connect(compression="gzip", message_bytes_max=MEGABYTE)

    with pytest.raises(CallFailed, match="larger than max") as caught:
        await wire.call("echo", "x")

    assert caught.value.may_have_run is True


async def test_a_request_beyond_the_other_sides_limit_is_refused(unstarted):
    await unstarted.start(message_bytes_max=MEGABYTE)

    with pytest.raises(ArgumentsRefused, match="larger than max"):
        await unstarted.call("echo", "x" * (2 * MEGABYTE))

    assert not unstarted.received


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
@pytest.mark.parametrize("kind", ["tcp", "unix"])
@pytest.mark.parametrize("compression", [None, "gzip"])
def test_calls_go_over_both_kinds_of_sockets_on_both_loops(tmp_path, loop, kind, compression):
    factory = None
    if loop == "uvloop":
        factory = pytest.importorskip("uvloop").new_event_loop
    address = "127.0.0.1:0" if kind == "tcp" else f"unix:{tmp_path}/s"

    async def main():
        async def echo(text):
            return text

        async with AsyncExitStack() as stack:
            wire = Wire(stack)
            await wire.start(address)
            wire.on("echo", echo)
            wire.transport = wire.connect(compression=compression)
            async with asyncio.TaskGroup() as tasks:
                calls = [tasks.create_task(wire.call("echo", f"{n}" * 3_000)) for n in range(20)]
            assert [call.result() for call in calls] == [f"{n}" * 3_000 for n in range(20)]
            assert type(asyncio.get_running_loop()).__module__.startswith(loop)

    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(main())
