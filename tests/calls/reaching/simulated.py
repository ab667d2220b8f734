"""A service with several endpoints that does nothing, in time that a test moves; by seed."""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import AsyncIterator, Callable
from typing import Any

from outgrow.calls.reaching import Balanced, Budget
from outgrow.clock import ManualClock
from outgrow.context import SYSTEM, Context, new_span_id, new_trace_id
from outgrow.contracts import Contract, command, query, read_contract
from outgrow.discovery import Endpoint, Followed, Resolution
from outgrow.errors import CallTimedOut

DEAD = math.inf
"""The latency of an endpoint that never answers."""


class Desk(Contract):
    @query()
    async def ask(self) -> str: ...

    @query()
    async def report(self) -> str: ...

    @command()
    async def order(self) -> str: ...

    @command(repeat="unsafe")
    async def shout(self) -> str: ...

    @query()
    def watch(self) -> AsyncIterator[str]: ...

    @command(repeat="unsafe")
    async def fill(self, items: AsyncIterator[str]) -> str: ...


METHODS = read_contract(Desk).methods


class Replica:
    """One endpoint: what its calls take, and what they end with if not with a reply."""

    def __init__(self, desk: Simulated, endpoint: Endpoint) -> None:
        self.desk = desk
        self.endpoint = endpoint
        self.latency = 0.005
        self.end_seconds = 0.0
        self.items = 3
        self.latency_of: dict[str, float] = {}
        self.error: Callable[[], Exception] | None = None
        self.count = self.open = self.closed = self.cancelled = self.connected = 0

    def connect(self) -> Replica:
        self.connected += 1
        return self

    def bind(self, method: Any) -> Any:
        async def stream(context: Context, *_: Any) -> AsyncIterator[str]:
            self.count += 1
            self.open += 1
            try:
                for _ in range(self.items):
                    yield await self._answer(method, context)
            finally:
                if self.end_seconds:
                    await self.desk.clock.sleep(self.end_seconds)
                self.open -= 1

        if method.is_reply_stream:
            return stream

        async def invoke(context: Context, *_: Any) -> str:
            self.count += 1
            self.open += 1
            try:
                return await self._answer(method, context)
            except asyncio.CancelledError:
                self.cancelled += 1
                raise
            finally:
                self.open -= 1

        return invoke

    async def _answer(self, method: Any, context: Context) -> str:
        clock = self.desk.clock
        if self.error is not None:
            raise self.error()
        latency = self.latency_of.get(method.name, self.latency) * self.desk.jitter()
        left = context.deadline - clock.monotonic()
        if left < latency:
            await (clock.sleep(left) if left < math.inf else asyncio.Event().wait())
            raise CallTimedOut(method.full_name, may_have_run=True)
        await clock.sleep(latency)
        return self.endpoint.instance

    async def close(self) -> None:
        assert not self.closed
        self.closed += 1


class Simulated:
    """All of them, and `Balanced` before them."""

    def __init__(self, count: int = 3, seed: int = 7, weights: tuple[int, ...] = ()) -> None:
        self.clock = ManualClock()
        self.random = random.Random(seed)
        self.replicas: dict[str, Replica] = {}
        self.followed = Followed("desk", lambda _: None)
        self.budget = Budget(self.clock)
        self.spread: float = 0.5
        self.took: list[tuple[float, float]] = []
        self.failed: list[Exception] = []
        self.balanced = Balanced(
            self.followed,
            lambda endpoint: self.replicas[endpoint.instance].connect(),
            self.clock,
            budget=self.budget,
            machine=self.clock,
            draw=self.random.random,
        )
        weights = weights or (100,) * count
        self.tell({f"r{n}": weight for n, weight in enumerate(weights)})

    def tell(self, weights: dict[str, int], *, is_stale: bool = False) -> None:
        """Let the directory say that these endpoints are there."""
        endpoints = [
            Endpoint(service="desk", address=f"{name}:1", process=name, instance=name, weight=each)
            for name, each in weights.items()
        ]
        for endpoint in endpoints:
            self.replicas.setdefault(endpoint.instance, Replica(self, endpoint))
        self.followed.take(Resolution(endpoints=tuple(endpoints), is_stale=is_stale))

    def __getitem__(self, n: int) -> Replica:
        return self.replicas[f"r{n}"]

    def jitter(self) -> float:
        return 1 + self.spread * self.random.random()

    def context(self, seconds: float = 10.0) -> Context:
        return Context(
            caller=SYSTEM,
            correlation_id="c",
            trace_id=new_trace_id(),
            span_id=new_span_id(),
            deadline=self.clock.monotonic() + seconds,
            key="k",
        )

    async def call(self, name: str = "ask", seconds: float = 10.0) -> str:
        """One call; it is noted how long it took, or what it failed with."""
        started = self.clock.monotonic()
        self.budget.calls += 1
        try:
            reply: str = await self.balanced.bind(METHODS[name])(self.context(seconds))
        except Exception as error:
            self.failed.append(error)
            raise
        self.took.append((started, self.clock.monotonic() - started))
        return reply

    async def pass_time(self, seconds: float) -> None:
        """Let time go by, with all that happens in it."""
        end = self.clock.monotonic() + seconds
        while True:
            await turn()
            after = self.clock.next_timer()
            if after is None or self.clock.monotonic() + after > end:
                break
            self.clock.advance(after)
        self.clock.advance(end - self.clock.monotonic())
        await turn()

    async def load(
        self, seconds: float, callers: int = 8, names: tuple[str, ...] = ("ask",)
    ) -> None:
        """Let *callers* call one after the other, without a pause, for *seconds*."""
        end = self.clock.monotonic() + seconds

        async def caller(n: int) -> None:
            while self.clock.monotonic() < end:
                await self.call(names[n % len(names)])

        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(caller(n)) for n in range(callers)]
            await self.pass_time(seconds)
            while not all(task.done() for task in tasks):
                await self.pass_time(0.05)

    def slowest(self, since: float, until: float = math.inf, share: float = 0.99) -> float:
        """What *share* of the calls that began then took at the most, in seconds."""
        took = sorted(each for began, each in self.took if since <= began < until)
        return took[int(len(took) * share)]

    def told(self, n: int) -> dict[str, Any]:
        """What the statistics say of one endpoint."""
        found = [e for e in self.statistics()["endpoints"] if e["instance"] == f"r{n}"]
        return found[0]

    def statistics(self) -> dict[str, Any]:
        return self.balanced.statistics()


async def turn() -> None:
    """Let all that can go on without time go on."""
    loop = asyncio.get_running_loop()
    while True:
        turned = loop.create_future()
        loop.call_soon(turned.set_result, None)
        await turned
        if not loop._ready:
            break
