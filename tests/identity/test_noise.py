"""What is no TLS, or broken TLS, is dropped: the server lives on, and nothing of it grows."""

from __future__ import annotations

import asyncio
import gc
import random
import socket
import ssl
from pathlib import Path

import psutil
import pytest

from outgrow.errors import ServiceUnreachable
from outgrow.identity.certificates import Identity
from tests.identity.conftest import Town

SEED = 20_261
WARMED_UP = 60


def client_hello(identity: Identity) -> bytes:
    """How a connection begins that would be let in."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = identity.client_context()
    context.check_hostname = False
    said = context.wrap_bio(incoming, outgoing, server_hostname="back.shop.local.outgrow")
    with pytest.raises(ssl.SSLWantReadError):
        said.do_handshake()
    return outgoing.read()


def noises(rng: random.Random, hello: bytes) -> bytes:
    """Bytes that a stranger might send: random ones, or a beginning that was disturbed."""
    kind = rng.randrange(4)
    if kind == 0:
        return rng.randbytes(rng.randrange(1, 2_000))
    if kind == 1:
        return hello[: rng.randrange(1, len(hello))]
    if kind == 2:
        return b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + rng.randbytes(rng.randrange(200))
    changed = bytearray(hello)
    for _ in range(rng.randrange(1, 20)):
        changed[rng.randrange(len(changed))] = rng.randrange(256)
    return bytes(changed)


def send(address: tuple[str, int], noise: bytes) -> None:
    """Send it, and wait until the other side has hung up, or a moment if it waits for more."""
    with socket.create_connection(address, timeout=10) as stranger:
        try:
            stranger.sendall(noise)
            stranger.shutdown(socket.SHUT_WR)
            while stranger.recv(65536):
                pass
        except OSError:
            return


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def _disturbed(town: Town, count: int) -> None:
    address = await town.start("127.0.0.1:0")
    host, _, port = address.rpartition(":")
    front = town.identity("front")
    transport = town.connect(front)
    rng, hello = random.Random(SEED), client_hello(front)
    process = psutil.Process()

    async def disturb(times: int) -> None:
        for _ in range(times):
            await asyncio.to_thread(send, (host, int(port)), noises(rng, hello))

    assert await town.ask(transport) == "hello"
    await disturb(WARMED_UP)
    gc.collect()
    files, memory = open_files(), process.memory_info().rss
    await disturb(count)

    assert await town.ask(transport) == "hello"
    assert await town.ask(town.connect(front)) == "hello"
    async with asyncio.timeout(10):  # The last of them may be closed a moment later.
        while open_files() > files + 8:
            await town.wire.clock.sleep(0.01)
    gc.collect()
    assert process.memory_info().rss < memory + 16 * 1024 * 1024
    assert town.calls == 3


async def test_noise_is_dropped_and_nothing_grows(town: Town):
    await _disturbed(town, count=250)


@pytest.mark.long
async def test_much_noise_is_dropped_and_nothing_grows(town: Town):
    await _disturbed(town, count=10_000)


async def test_who_connects_and_says_nothing_is_hung_up_on(town: Town, monkeypatch):
    monkeypatch.setattr("outgrow.calls.grpc.options.HANDSHAKE_SECONDS_MAX", 0.3)
    await town.start()
    path = town.wire.address.removeprefix("unix:")
    silent = [socket.socket(socket.AF_UNIX) for _ in range(100)]
    for one in silent:
        one.connect(path)

    assert await town.ask(town.connect(town.identity("front"))) == "hello"

    for one in silent:
        one.settimeout(20)
        assert await asyncio.to_thread(one.recv, 1) == b""
        one.close()


async def test_noise_inside_of_tls_is_dropped(town: Town):
    """One that has a certificate speaks TLS well, and no HTTP/2."""
    address = await town.start("127.0.0.1:0")
    host, _, port = address.rpartition(":")
    front, rng = town.identity("front"), random.Random(SEED)
    context = front.client_context()
    context.check_hostname = False
    context.set_alpn_protocols(["h2"])

    def disturb() -> None:
        with (
            socket.create_connection((host, int(port)), timeout=10) as plain,
            context.wrap_socket(plain) as stranger,
        ):
            try:
                stranger.sendall(rng.randbytes(500))
                while stranger.recv(65536):
                    pass
            except OSError:
                return

    for _ in range(20):
        await asyncio.to_thread(disturb)

    assert await town.ask(town.connect(front)) == "hello"
    with pytest.raises(ServiceUnreachable):
        await town.ask(town.connect(town.stranger("front")))
