"""
How cheap a call between two ends of a socket can be at all: MessagePack over raw asyncio.

Four bytes of length, then the arguments or the reply; a number ties them together. There is no
deadline, no trace, no error, no flow control and nobody is asked who calls. It is what gRPC's
figures are to be looked at beside, and no goal.
"""

import asyncio
import itertools
from collections.abc import Iterator
from typing import Any, ClassVar

import msgspec

from benchmarks.calling import CENTS, ORDER_ID, Meter, Receipt
from benchmarks.measure import alternate_async

CALLS = 16_000
_encode = msgspec.msgpack.Encoder().encode


class _Frames(asyncio.Protocol):
    """Cuts what arrives into messages."""

    transport: asyncio.Transport

    def __init__(self) -> None:
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        data, at = self._rest + data, 0
        while len(data) - at >= 4:
            end = at + 4 + int.from_bytes(data[at : at + 4], "big")
            if len(data) < end:
                break
            self.take(data[at + 4 : end])
            at = end
        self._rest = data[at:]

    def send(self, body: bytes) -> None:
        """Write one message."""
        self.transport.write(len(body).to_bytes(4, "big") + body)

    def take(self, body: bytes) -> None:
        """One message has come."""
        raise NotImplementedError


class _Answering(_Frames):
    """The called side."""

    read: ClassVar = msgspec.msgpack.Decoder(tuple[int, str, int]).decode

    def take(self, body: bytes) -> None:
        number, order_id, cents = self.read(body)
        self.send(_encode((number, Receipt(receipt_id=order_id, cents=cents))))


class _Asking(_Frames):
    """The calling side."""

    read: ClassVar = msgspec.msgpack.Decoder(tuple[int, Receipt]).decode

    def __init__(self) -> None:
        super().__init__()
        self._numbers = itertools.count()
        self._waiting: dict[int, asyncio.Future[Receipt]] = {}

    async def quote(self) -> Receipt:
        """Call, and wait for the reply."""
        number = next(self._numbers)
        reply: asyncio.Future[Receipt] = asyncio.get_running_loop().create_future()
        self._waiting[number] = reply
        self.send(_encode((number, ORDER_ID, CENTS)))
        return await reply

    def take(self, body: bytes) -> None:
        number, receipt = self.read(body)
        self._waiting.pop(number).set_result(receipt)


async def _figures() -> list[dict[str, Any]]:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(_Answering, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    transport, asking = await loop.create_connection(_Asking, "127.0.0.1", port)

    async def nothing() -> None:
        turned = loop.create_future()
        loop.call_soon(turned.set_result, None)
        await turned

    value, baseline = Meter(asking.quote, 16, CALLS), Meter(nothing, 16, CALLS)
    rounds = await alternate_async(value, baseline)
    transport.close()
    server.close()
    of = "one turn of the event loop"
    return [rounds.figure("limit.raw.16", "us cpu", of=of, **value.latencies())]


def run() -> Iterator[dict[str, Any]]:
    """The figure of calls without anything that calls need."""
    yield from asyncio.run(_figures())
