"""What happens to bytes happens as it was said, and none is lost that should not be."""

from __future__ import annotations

import asyncio
import hashlib
from contextlib import suppress

import pytest

from outgrow.testing.faults import Fault, Proxies

MEGABYTE = 1024 * 1024


@pytest.fixture
async def proxies():
    proxies = Proxies()
    yield proxies
    await proxies.close()


@pytest.fixture(params=["tcp", "unix"])
async def way(request, proxies, tmp_path):
    """A server that sends back what it reads, a proxy to it, and who connects."""

    async def echo(reader, writer):
        with suppress(ConnectionError):
            while data := await reader.read(65_536):
                writer.write(data)
                await writer.drain()
        writer.close()

    if request.param == "tcp":
        server = await asyncio.start_server(echo, "127.0.0.1", 0)
        proxy = await proxies.add(f"127.0.0.1:{server.sockets[0].getsockname()[1]}")
        host, _, port = proxy.address.rpartition(":")
        connect = lambda: asyncio.open_connection(host, int(port))
    else:
        server = await asyncio.start_unix_server(echo, tmp_path / "s")
        proxy = await proxies.add(f"unix:{tmp_path / 's'}")
        connect = lambda: asyncio.open_unix_connection(proxy.address.removeprefix("unix:"))
    yield proxy, connect
    server.close()


async def test_bytes_arrive_as_they_were(way):
    _, connect = way
    reader, writer = await connect()
    body = bytes(range(256)) * (4 * MEGABYTE // 256)
    async with asyncio.TaskGroup() as tasks:
        read = tasks.create_task(reader.readexactly(len(body)))
        writer.write(body)
        await writer.drain()

    assert hashlib.sha256(read.result()).digest() == hashlib.sha256(body).digest()
    writer.close()


async def test_what_was_held_arrives_in_its_order_when_it_heals(way, proxies):
    proxy, connect = way
    reader, writer = await connect()
    writer.write(b"before ")
    assert await reader.readexactly(7) == b"before "
    await proxies.begin(proxy, Fault(black_hole=True))
    writer.write(b"during ")
    late_reader, late_writer = await connect()
    late_writer.write(b"new")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(reader.read(1), 0.05)

    await proxies.heal(proxy)
    writer.write(b"after")

    assert await reader.readexactly(12) == b"during after"
    assert await late_reader.readexactly(3) == b"new"
    writer.close()
    late_writer.close()


async def test_slow_bytes_take_their_time(way, proxies):
    proxy, connect = way
    reader, writer = await connect()
    await proxies.begin(proxy, Fault(slow_bytes=100_000))
    loop = asyncio.get_running_loop()
    began = loop.time()
    writer.write(bytes(20_000))
    assert await reader.readexactly(20_000) == bytes(20_000)

    assert loop.time() - began > 0.15
    writer.close()


async def test_a_reply_is_reset_in_its_middle_and_the_next_connection_is_whole(way, proxies):
    proxy, connect = way
    reader, writer = await connect()
    writer.write(b"hello")
    assert await reader.readexactly(5) == b"hello"
    await proxies.begin(proxy, Fault(reset_mid_reply=True))
    writer.write(bytes(1_000))
    found = b""
    with suppress(ConnectionError):
        while data := await asyncio.wait_for(reader.read(1_000), 5):
            found += data
    assert len(found) < 1_000
    writer.close()

    reader, writer = await connect()
    writer.write(bytes(1_000))
    assert await reader.readexactly(1_000) == bytes(1_000)
    writer.close()


async def test_half_open_is_silent_until_it_heals(way, proxies):
    proxy, connect = way
    reader, writer = await connect()
    writer.write(b"hello")
    assert await reader.readexactly(5) == b"hello"
    await proxies.begin(proxy, Fault(half_open=True))
    writer.write(b"anybody?")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(reader.read(1), 0.05)
    other_reader, other_writer = await connect()
    other_writer.write(b"new")
    assert await other_reader.readexactly(3) == b"new"

    await proxies.heal(proxy)

    with suppress(ConnectionError):
        assert await asyncio.wait_for(reader.read(1), 5) == b""
    writer.close()
    other_writer.close()


async def test_a_target_that_is_not_there_cuts_who_connects(proxies, tmp_path):
    proxy = await proxies.add(f"unix:{tmp_path / 'nobody'}")
    reader, writer = await asyncio.open_unix_connection(proxy.address.removeprefix("unix:"))

    with suppress(ConnectionError):
        assert await asyncio.wait_for(reader.read(1), 5) == b""
    writer.close()
