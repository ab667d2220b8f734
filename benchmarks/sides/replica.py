"""
One replica of a service, as a process: ``python -m benchmarks.sides.replica ADDRESS NUMBER TIME``.

Each call replies with the number after the time, in seconds, in which nothing is computed. A line
of standard input with another time changes it; its end ends the process. It prints ``ready``.
"""

import asyncio
import sys

from benchmarks.replicas import Stock
from outgrow.calls import Reception
from outgrow.calls.grpc import GrpcServer
from outgrow.calls.protobuf import Converters, Messages
from outgrow.clock import SystemClock
from outgrow.contracts import read_contract
from outgrow.telemetry import Meters


class StockService(Stock):
    """Waits, and answers."""

    def __init__(self, number: int, seconds: float) -> None:
        self._number = number
        self.seconds = seconds
        self._clock = SystemClock()

    async def count(self, item: str) -> int:  # noqa: ARG002 - as its contract says
        await self._clock.sleep(self.seconds)
        return self._number

    async def take(self, item: str) -> int:  # noqa: ARG002 - as above
        await self._clock.sleep(self.seconds)
        return self._number


async def main(address: str, number: str, seconds: str) -> None:
    """Answer until the end of standard input."""
    clock, model, service = (
        SystemClock(),
        read_contract(Stock),
        StockService(int(number), float(seconds)),
    )
    # A limit of its own: what is measured is the callers' part, on a machine that may be busy.
    reception = Reception(clock, Meters(), lambda _service, _method: 1_000)
    reception.admit(model, service, None)
    server = GrpcServer(Converters(Messages("replicas", [model])), reception.bind, clock)
    server.admit(model)
    await server.start(address)
    print("ready", flush=True)
    lines = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    async for line in lines:
        service.seconds = float(line)
    await server.drain(1)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
