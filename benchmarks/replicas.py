"""Three replicas of a service as processes, load on them, and what happens to one of them."""

import asyncio
import itertools
import math
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from outgrow.calls import Invoke, Patience, Transport, client_class, connect, using
from outgrow.calls.grpc import GrpcTransport
from outgrow.calls.protobuf import Converters, Messages
from outgrow.calls.reaching import Balanced, Retrying
from outgrow.clock import SystemClock
from outgrow.contracts import Contract, Method, command, query, read_contract
from outgrow.discovery import Endpoint, Followed, Resolution
from outgrow.errors import CallError

COUNT = 3
USUAL_SECONDS, SLOW_SECONDS = 0.02, 0.4
DEADLINE_SECONDS = 5.0
TICK_SECONDS = 0.01
WINDOW_SECONDS = 1.0
ROOT = Path(__file__).parent.parent


class Stock(Contract):
    """A query, and a command under its key; both say which replica answers."""

    @query()
    async def count(self, item: str) -> int: ...

    @command()
    async def take(self, item: str) -> int: ...


class Replicas:
    """The processes, by their numbers."""

    def __init__(self, folder: Path) -> None:
        self.endpoints = tuple(
            Endpoint(
                service="replicas", address=f"unix:{folder}/{n}", process="stock", instance=f"{n}"
            )
            for n in range(COUNT)
        )
        self._processes: dict[int, Process] = {}

    async def start(self, n: int) -> None:
        """Start one, and wait until it answers."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "benchmarks.sides.replica"),
            *(self.endpoints[n].address, str(n), str(USUAL_SECONDS)),
            stdin=PIPE,
            stdout=PIPE,
            cwd=ROOT,
        )
        self._processes[n] = process
        assert process.stdout is not None
        assert await process.stdout.readline() == b"ready\n"

    def set_seconds(self, n: int, seconds: float) -> None:
        """Let each call there take *seconds*."""
        stdin = self._processes[n].stdin
        assert stdin is not None
        stdin.write(f"{seconds}\n".encode())

    def freeze(self, n: int) -> None:
        """Let it stand still: its connections stay, and nobody answers."""
        self._processes[n].send_signal(signal.SIGSTOP)

    async def kill(self, n: int) -> None:
        """Kill it."""
        process = self._processes.pop(n)
        process.kill()
        await process.wait()

    async def stop(self) -> None:
        """Kill all that are left."""
        for n in list(self._processes):
            await self.kill(n)


@asynccontextmanager
async def replicas() -> AsyncIterator[Replicas]:
    """Three of them, answering."""
    with TemporaryDirectory(prefix="og-") as folder:
        one = Replicas(Path(folder))
        try:
            for n in range(COUNT):
                await one.start(n)
            yield one
        finally:
            await one.stop()


class RoundRobin:
    """What is compared with: each endpoint in its turn, whatever is known of it."""

    def __init__(self, transports: list[Transport]) -> None:
        self._transports = transports

    def bind(self, method: Method) -> Invoke:
        """What executes *method* at the next endpoint."""
        turns = itertools.cycle([transport.bind(method) for transport in self._transports])

        async def invoke(context: Any, *arguments: Any) -> Any:
            return await next(turns)(context, *arguments)

        return invoke

    async def close(self) -> None:
        """Close all connections."""
        for transport in self._transports:
            await transport.close()


@asynccontextmanager
async def caller(endpoints: tuple[Endpoint, ...], *, is_balanced: bool) -> AsyncIterator[Any]:
    """A client of the replicas, as a process has it, or with round robin; and its `Balanced`."""
    clock, model = SystemClock(), read_contract(Stock)
    converters = Converters(Messages("replicas", [model]))
    followed = Followed("replicas", lambda _: None)
    followed.take(Resolution(endpoints=endpoints))

    def to(endpoint: Endpoint) -> Transport:
        return GrpcTransport(endpoint.address, converters, clock)

    balanced = Balanced(followed, to, clock)
    inner = balanced if is_balanced else RoundRobin([to(endpoint) for endpoint in endpoints])
    transport = Retrying(inner, clock, Patience(), balanced.budget)
    client: Any = client_class(model)(transport.bind, model, clock)
    connect(client)
    try:
        yield client, balanced
    finally:
        await transport.close()


@dataclass
class Load:
    """
    Calls at a steady pace, whether or not those before have ended: three queries to a command.

    Attributes:
        made: When each call began, when it ended, and which replica answered; -1 if none did.
        failed: What calls failed with.
    """

    client: Any
    per_tick: int = 3
    deadline_seconds: float = DEADLINE_SECONDS
    made: list[tuple[float, float, int]] = field(default_factory=list)
    failed: list[CallError] = field(default_factory=list)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Call until the end of the block, and then until all calls have ended."""
        async with asyncio.TaskGroup() as group:
            over = asyncio.Event()
            group.create_task(self._call_steadily(group, over))
            try:
                yield
            finally:
                over.set()

    async def _call_steadily(self, group: asyncio.TaskGroup, over: asyncio.Event) -> None:
        loop, clock = asyncio.get_running_loop(), SystemClock()
        client = using(self.client, deadline=self.deadline_seconds)
        next_at, n = loop.time(), 0
        while not over.is_set():
            for _ in range(self.per_tick):
                n += 1
                group.create_task(self._call(client.count if n % 4 else client.take))
            next_at += TICK_SECONDS
            await clock.sleep(next_at - loop.time())

    async def _call(self, method: Any) -> None:
        loop = asyncio.get_running_loop()
        began, by = loop.time(), -1
        try:
            by = await method("bolt")
        except CallError as error:
            self.failed.append(error)
        self.made.append((began, loop.time(), by))

    def p99(self, since: float, until: float, ended_by: float = math.inf) -> float:
        """Of the calls that began then; or of those that ended then, if that is worse."""
        made = [each for each in self.made if each[1] <= ended_by]
        return max(
            _p99(end - begin for begin, end, _ in made if since <= begin < until),
            _p99(end - begin for begin, end, _ in made if since <= end < until),
        )

    def recovered(self, since: float, until: float, limit: float) -> float:
        """
        Seconds from *since* until the 99th percentile is below *limit*, and stays there.

        Something else happens at *until*: what is under way then and takes longer for it is counted
        from there on.
        """
        last, at = since, since
        while at + WINDOW_SECONDS <= until:
            if self.p99(at, at + WINDOW_SECONDS, until) >= limit:
                last = at + WINDOW_SECONDS
            at += WINDOW_SECONDS / 10
        return last - since


def _p99(took: Iterable[float]) -> float:
    ordered = sorted(took)
    return ordered[int(len(ordered) * 0.99)] if ordered else 0.0
