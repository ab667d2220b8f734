"""
A process that keeps the workshop, to be killed, frozen and started again.

``python -m tests.calls.grpc.host ADDRESS HANGS``: answers at the address until SIGTERM, then lets
calls finish. It prints ``ready``, and a line for each call that began; if it hangs, none of them
ends.
"""

import asyncio
import signal
import sys
from datetime import UTC, datetime

from outgrow.calls import Reception
from outgrow.calls.grpc import GrpcServer
from outgrow.calls.protobuf import Converters, Messages
from outgrow.clock import SystemClock
from outgrow.contracts import read_contract
from outgrow.telemetry import Meters
from tests.calls.grpc.workshop import Colour, Part, Size, Workshop

PART = Part(
    name="bolt",
    count=2,
    size=Size(width=3, height=0.5),
    colour=Colour.RED,
    made_at=datetime(2024, 5, 17, tzinfo=UTC),
    blob=b"",
    is_spare=True,
)


class Host(Workshop):
    def __init__(self, *, hangs: bool) -> None:
        self._hangs = hangs

    async def _begin(self, name: str) -> None:
        print(name, flush=True)  # noqa: T201 - the test reads it
        if self._hangs:
            await asyncio.Event().wait()

    async def echo(self, text: str) -> str:
        await self._begin("echo")
        return text

    async def make(self, name: str, cents: int) -> Part:
        await self._begin(f"make {name} {cents}")
        return PART

    async def forget(self) -> None:
        await self._begin("forget")

    mirror = grow = measure = wait = None  # type: ignore[assignment]


async def main(address: str, hangs: str) -> None:
    clock, model = SystemClock(), read_contract(Workshop)
    reception = Reception(clock, Meters())
    reception.admit(model, Host(hangs=hangs == "hangs"), None)
    server = GrpcServer(Converters(Messages("shop", [model])), reception.bind, clock)
    server.admit(model)
    await server.start(address)
    told = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, told.set)
    print("ready", flush=True)  # noqa: T201 - as above
    await told.wait()
    await server.drain(5)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
