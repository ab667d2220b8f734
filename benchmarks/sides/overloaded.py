"""
``python -m benchmarks.sides.overloaded ADDRESS limited|unlimited``: a process that gets too much.

It answers each line with what it has counted, as JSON.
"""

import asyncio
import sys
import time

import msgspec

from benchmarks.overload import BURN_SECONDS, RENT_SECONDS, ROOMS, Desk
from outgrow.calls import Reception
from outgrow.calls.grpc import GrpcServer
from outgrow.calls.protobuf import Converters, Messages
from outgrow.clock import SystemClock
from outgrow.contracts import read_contract
from outgrow.telemetry import Meters

ENDLESS = 100_000


class DeskService(Desk):
    """Burns processor time, or waits for something scarce."""

    def __init__(self) -> None:
        self._rooms = asyncio.Semaphore(ROOMS)
        self._clock = SystemClock()

    async def burn(self) -> int:
        end = time.thread_time() + BURN_SECONDS
        while time.thread_time() < end:
            pass
        return 0

    async def rent(self) -> int:
        async with self._rooms:
            await self._clock.sleep(RENT_SECONDS)
        return 0


async def _serve(address: str, *, is_limited: bool) -> None:
    clock, model = SystemClock(), read_contract(Desk)
    reception = Reception(clock, Meters(), lambda *_: None if is_limited else ENDLESS)
    reception.admit(model, DeskService(), None)
    server = GrpcServer(Converters(Messages("overload", [model])), reception.bind, clock)
    server.admit(model)
    await server.start(address)
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(lines), sys.stdin
    )
    print("ready", flush=True)
    while await lines.readline():
        print(msgspec.json.encode(reception.statistics()).decode(), flush=True)


if __name__ == "__main__":
    asyncio.run(_serve(sys.argv[1], is_limited=sys.argv[2] == "limited"))
