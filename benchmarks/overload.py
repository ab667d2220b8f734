"""A process that is asked for more than it can do, and who asks: over gRPC, as a process does."""

import asyncio
import random
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import msgspec

from outgrow.calls import Patience, client_class, connect, using
from outgrow.calls.grpc import GrpcTransport
from outgrow.calls.protobuf import Converters, Messages
from outgrow.calls.reaching import Balanced, Retrying
from outgrow.clock import SystemClock
from outgrow.contracts import Contract, query, read_contract
from outgrow.discovery import Endpoint, Followed, Resolution
from outgrow.errors import CallError, Overloaded

BURN_SECONDS = 0.01
RENT_SECONDS, ROOMS = 0.02, 4
DEADLINE_SECONDS = 1.0
CALLERS = 16
ROOT = Path(__file__).parent.parent
Kind = Literal["burn", "rent"]


class Desk(Contract):
    """What burns processor time, and what waits for one of a few rooms."""

    @query()
    async def burn(self) -> int: ...

    @query()
    async def rent(self) -> int: ...


class Overloadable:
    """The other process."""

    def __init__(self, process: Process) -> None:
        self._process = process

    async def statistics(self) -> dict[str, Any]:
        """What it has counted."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(b"\n")
        told: dict[str, Any] = msgspec.json.decode(await self._process.stdout.readline())
        return told


@dataclass
class Outcome:
    """
    What became of the calls of a while.

    Attributes:
        latencies: How long calls took that were answered in time.
        refused: How many met `Overloaded`.
        late: How many failed in another way: as a rule, their deadline passed.
    """

    latencies: list[float] = field(default_factory=list)
    refused: int = 0
    late: int = 0

    @property
    def asked(self) -> int:
        """How many were made and have ended."""
        return len(self.latencies) + self.refused + self.late

    def quantile(self, q: float) -> float:
        """A quantile of the latencies; 0 if nobody was answered."""
        ordered = sorted(self.latencies)
        return ordered[int(q * (len(ordered) - 1))] if ordered else 0.0


class Callers:
    """Those who ask, in this process."""

    def __init__(self, client: Any, balanced: Balanced, called: Overloadable, kind: Kind) -> None:
        self.balanced = balanced
        self.called = called
        self._call = getattr(using(client, deadline=DEADLINE_SECONDS), kind)
        self._clock = SystemClock()

    async def measure_capacity(self, seconds: float) -> float:
        """Calls in a second, asked by callers that each wait for their reply."""
        loop, outcome = asyncio.get_running_loop(), Outcome()
        began = loop.time()

        async def loop_until_end() -> None:
            while loop.time() < began + seconds:
                await self._ask(outcome)

        async with asyncio.TaskGroup() as tasks:
            for _ in range(CALLERS):
                tasks.create_task(loop_until_end())
        return len(outcome.latencies) / (loop.time() - began)

    async def ask(self, seconds: float, per_second: float) -> Outcome:
        """Ask at random moments, whether or not others were answered (an open loop)."""
        loop, outcome, randomly = asyncio.get_running_loop(), Outcome(), random.Random(7)
        due = loop.time()
        end = due + seconds
        async with asyncio.TaskGroup() as tasks:
            while (due := due + randomly.expovariate(per_second)) < end:
                if (pause := due - loop.time()) > 0:
                    await self._clock.sleep(pause)
                tasks.create_task(self._ask(outcome))
        return outcome

    async def _ask(self, outcome: Outcome) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            await self._call()
        except Overloaded:
            outcome.refused += 1
        except CallError:
            outcome.late += 1
        else:
            outcome.latencies.append(loop.time() - began)


@asynccontextmanager
async def callers(kind: Kind, *, is_limited: bool) -> AsyncIterator[Callers]:
    """The other process, and those who ask it."""
    with TemporaryDirectory(prefix="og-") as folder:
        address = f"unix:{folder}/calls"
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "benchmarks.sides.overloaded", address),
            "limited" if is_limited else "unlimited",
            stdin=PIPE,
            stdout=PIPE,
            cwd=ROOT,
        )
        try:
            assert process.stdout is not None
            assert await process.stdout.readline() == b"ready\n"
            async with _client(address) as (client, balanced):
                yield Callers(client, balanced, Overloadable(process), kind)
        finally:
            process.kill()
            await process.communicate()


@asynccontextmanager
async def _client(address: str) -> AsyncIterator[tuple[Any, Balanced]]:
    """A client as a process has it: balanced, with a budget of repeats."""
    clock, model = SystemClock(), read_contract(Desk)
    converters = Converters(Messages("overload", [model]))
    followed = Followed(model.service, lambda _: None)
    endpoint = Endpoint(service=model.service, address=address, process="desk", instance="1")
    followed.take(Resolution(endpoints=(endpoint,)))
    balanced = Balanced(followed, lambda e: GrpcTransport(e.address, converters, clock), clock)
    transport = Retrying(balanced, clock, Patience(), balanced.budget)
    client: Any = client_class(model)(transport.bind, model, clock)
    connect(client)
    try:
        yield client, balanced
    finally:
        await transport.close()
