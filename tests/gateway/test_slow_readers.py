"""Backpressure over a real socket: who does not read stops who produces, both ways."""

import asyncio
import socket
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from outgrow.clock import SystemClock
from outgrow.gateway import Listener
from outgrow.gateway.streaming import sending
from tests.gateway.test_streams import Works, make_edge

BLOCKS = 400
"""64 KiB each: more than the buffers of a connection hold, which are a few MB."""

HELD_MAX = 200


@pytest.fixture
async def works() -> Works:
    return Works()


@pytest.fixture
async def listener(works: Works) -> AsyncIterator[Listener]:
    clock = SystemClock()
    listener = Listener(make_edge(works, clock), "127.0.0.1:0", clock, setting="test")
    await listener.start()
    yield listener
    await listener.stop()


class Peer:
    """A client that speaks HTTP by hand, and reads only when it is told to."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16_384)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 16_384)

    async def ask(self, head: str) -> None:
        self._socket.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(self._socket, ("127.0.0.1", self._listener.port))
        await self.send(f"{head}\r\nhost: x\r\n\r\n".encode())

    async def send(self, data: bytes) -> None:
        await asyncio.get_running_loop().sock_sendall(self._socket, data)

    async def read(self) -> bytes:
        return await asyncio.get_running_loop().sock_recv(self._socket, 1_048_576)

    async def read_until(self, end: bytes) -> bytes:
        found = b""
        while end not in found:
            more = await self.read()
            assert more, found
            found += more
        return found

    def close(self) -> None:
        self._socket.close()

    def flow(self) -> Any:
        """What holds up the server's side of the connection."""
        (connection,) = self._listener._state.connections
        return connection.flow


@pytest.fixture
async def peer(listener: Listener) -> AsyncIterator[Peer]:
    peer = Peer(listener)
    yield peer
    peer.close()


async def turns(count: int = 1) -> None:
    for _ in range(count):
        await asyncio.sleep(0)  # noqa: TID251 - a turn of the loop, no time


async def test_a_client_that_does_not_read_stops_the_producer(peer: Peer, works: Works) -> None:
    async with asyncio.timeout(30):
        await peer.ask(f"GET /blocks/{BLOCKS} HTTP/1.1")
        while not (works.made and peer.flow().write_paused):
            await turns()
        await turns(200)
        held = works.made
        assert held < HELD_MAX

        size, data = 0, b""
        while not data.endswith(b"0\r\n\r\n"):
            size += len(data := await peer.read())
    assert works.made == BLOCKS
    assert size > BLOCKS * 65_536


async def test_a_client_that_does_not_read_until_the_deadline_is_cut(
    peer: Peer,
    works: Works,
    listener: Listener,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(sending, "LATE_SECONDS", 0.1)
    async with asyncio.timeout(30):
        await peer.ask("GET /hasty HTTP/1.1")
        await works.ended.wait()
        assert works.made < HELD_MAX
        while listener.statistics()["connections"]:
            await turns()
    assert not caplog.records


async def test_a_client_that_breaks_its_connection_ends_the_stream(
    peer: Peer, works: Works
) -> None:
    async with asyncio.timeout(30):
        await peer.ask("GET /marks HTTP/1.1")
        await works.waiting.wait()
        peer.close()
        await works.ended.wait()


@pytest.mark.parametrize("framing", ["content-length: 99", "transfer-encoding: chunked"])
async def test_a_body_that_breaks_off_is_never_taken_for_a_whole_one(
    peer: Peer, works: Works, framing: str
) -> None:
    line = b'{"name":"a"}\n'
    async with asyncio.timeout(30):
        await peer.ask(
            "POST /parts/x HTTP/1.1\r\nx-test-permissions: belt:write\r\n"
            f"content-type: application/x-ndjson\r\n{framing}"
        )
        await peer.send(line if "length" in framing else b"%x\r\n%b\r\n" % (len(line), line))
        while not works.taken:
            await turns()
        peer.close()
        await works.ended.wait()

    assert not works.has_read_all


async def test_a_method_that_does_not_read_stops_its_client(peer: Peer, works: Works) -> None:
    line = b'{"name":"%s"}\n' % (b"x" * 500)
    sent = 0

    async def upload() -> None:
        nonlocal sent
        chunk = line * 100
        for _ in range(500):
            await peer.send(b"%x\r\n%b\r\n" % (len(chunk), chunk))
            sent += 100
        await peer.send(b"0\r\n\r\n")

    async with asyncio.timeout(30), asyncio.TaskGroup() as group:
        await peer.ask(
            "POST /slow/x HTTP/1.1\r\nx-test-permissions: belt:write\r\n"
            "content-type: application/x-ndjson\r\ntransfer-encoding: chunked"
        )
        group.create_task(upload())
        await works.waiting.wait()
        while not peer.flow().read_paused:
            await turns()
        await turns(200)
        assert len(works.taken) == 1
        assert sent < 40_000
        works.marked.put_nowait("go on")
        await peer.read_until(b'"50000"')


async def test_both_ways_at_once_for_a_client_that_can(peer: Peer) -> None:
    async with asyncio.timeout(30):
        await peer.ask(
            "POST /weighings HTTP/1.1\r\ncontent-type: application/x-ndjson\r\n"
            "transfer-encoding: chunked"
        )
        for grams in range(1, 6):
            line = msgspec.json.encode({"name": "a", "grams": grams}) + b"\n"
            await peer.send(b"%x\r\n%b\r\n" % (len(line), line))
            assert f"\r\n{grams}\n\r\n".encode() in await peer.read_until(b"\n\r\n")
        await peer.send(b"0\r\n\r\n")
        await peer.read_until(b"0\r\n\r\n")


async def test_a_client_that_goes_away_ends_a_method_that_reads_no_more(
    peer: Peer, works: Works, listener: Listener
) -> None:
    line = b'{"name":"enough","grams":1}\n'
    async with asyncio.timeout(30):
        await peer.ask(
            "POST /weighings HTTP/1.1\r\ncontent-type: application/x-ndjson\r\n"
            "transfer-encoding: chunked"
        )
        await peer.send(b"%x\r\n%b\r\n" % (len(line), line))
        await works.waiting.wait()
        peer.close()
        await works.ended.wait()
        while listener.statistics()["requests"]:
            await turns()


async def test_after_a_stream_the_connection_is_used_again(peer: Peer) -> None:
    async with asyncio.timeout(30):
        await peer.ask("GET /parts/2 HTTP/1.1")
        assert b'"no. 1"' in await peer.read_until(b"0\r\n\r\n")
        await peer.send(b"GET /parts/1 HTTP/1.1\r\nhost: x\r\n\r\n")
        assert b'"no. 0"' in await peer.read_until(b"0\r\n\r\n")
