"""
What a call inside one process costs, against a bare await of the same method.

The first line is a query from one service to another, inside an execution, as most calls are: with
context, deadline, correlation, trace and measures on. The lines below it are the same with one
feature more.
"""

import asyncio
import functools
from collections.abc import Awaitable, Callable, Iterator
from time import perf_counter_ns
from typing import Annotated, Any

from annotated_types import Ge

from benchmarks.calling import LINES, Line
from benchmarks.measure import alternate_async
from outgrow.calls import InProcess, Reception, Watch, client_class, connect
from outgrow.clock import SystemClock
from outgrow.context import SYSTEM, Context, enter, leave
from outgrow.contracts import Contract, command, query, read_contract
from outgrow.telemetry import Meters

CALLS = 50_000
GOAL = 10


class Prices(Contract):
    """One method for each feature."""

    @query()
    async def get(self, item: str) -> int: ...

    @query()
    async def list50(self, item: str) -> list[Line]: ...

    @query()
    async def limited(self, cents: Annotated[int, Ge(1)]) -> int: ...

    @query()
    async def copied(self, items: list[str]) -> int: ...

    @query(allow="prices:read")
    async def allowed(self, item: str) -> int: ...

    @query(deadline="9s")
    async def timed(self, item: str) -> int: ...

    @command()
    async def keyed(self, item: str) -> int: ...


class PricesService(Prices):
    """Does nothing, so that only the call is measured."""

    async def get(self, item: str) -> int:  # noqa: ARG002 - as its contract says
        return 1

    async def list50(self, item: str) -> list[Line]:  # noqa: ARG002 - as its contract says
        return LINES

    limited = copied = allowed = timed = keyed = get  # type: ignore[assignment]


async def _measure(call: Callable[[Any], Awaitable[object]], argument: object) -> float:
    started = perf_counter_ns()
    for _ in range(CALLS):
        await call(argument)
    return (perf_counter_ns() - started) / CALLS


async def _figures() -> list[dict[str, Any]]:
    clock, model, service = SystemClock(), read_contract(Prices), PricesService()
    reception = Reception(clock, Meters())
    reception.admit(model, service, None)
    client: Any = client_class(model)(InProcess(reception).bind, model, clock, via="orders")
    connect(client)
    lines: list[tuple[str, Any, bool]] = [
        ("", client.get, True),
        (".list50", client.list50, True),
        (".limit", client.limited, True),
        (".copied_list", client.copied, True),
        (".permission", client.allowed, True),
        (".own_deadline", client.timed, True),
        (".key", client.keyed, True),
        (".from_outside", client.get, False),
    ]
    found = []
    for suffix, call, is_inside in lines:
        argument: Any = {".limit": 5, ".copied_list": ["a", "b"]}.get(suffix, "a")
        context = _execution(clock) if is_inside else None
        token = enter(context) if context else None
        bare = service.list50 if suffix == ".list50" else service.get
        rounds = await alternate_async(
            functools.partial(_measure, call, argument),
            functools.partial(_measure, bare, argument),
        )
        if token:
            leave(token)
        more = {"goal": GOAL} if not suffix else {}
        found.append(rounds.figure(f"calls.in_process{suffix}", "ns", of="a bare await", **more))
    return found


def _execution(clock: SystemClock) -> Context:
    """The execution of the service that calls."""
    task = asyncio.current_task()
    assert task is not None
    deadline = clock.monotonic() + 3_600
    return Context(
        caller=SYSTEM,
        correlation_id="benchmark",
        trace_id=1,
        span_id=1,
        deadline=deadline,
        method="orders.place_order",
        key="key",
        watch=Watch(deadline, task, clock),
    )


def run() -> Iterator[dict[str, Any]]:
    """The figures of calls inside one process."""
    yield from asyncio.run(_figures())
