"""What the measurements of calls share: two methods, a service that does nothing, and a meter."""

import asyncio
from collections.abc import Awaitable, Callable
from statistics import quantiles
from time import perf_counter_ns, process_time_ns
from typing import Any

from outgrow.clock import SystemClock
from outgrow.context import SYSTEM, Context
from outgrow.contracts import Contract, Record, query

CALLS = 1_500
CONCURRENCY = (1, 16, 64)
ORDER_ID, CENTS = "0197b2f0-order", 1299
Call = Callable[[], Awaitable[object]]


class Receipt(Record):
    """A small reply."""

    receipt_id: str
    cents: int


class Line(Record):
    """One of fifty."""

    item: str
    cents: int
    count: int


class Payments(Contract):
    """One method with a small reply, and one with a list of fifty records."""

    @query()
    async def quote(self, order_id: str, cents: int) -> Receipt: ...

    @query()
    async def lines(self, order_id: str) -> list[Line]: ...


LINES = [Line(item=f"item-{n}", cents=n, count=1) for n in range(50)]


class PaymentsService(Payments):
    """Does nothing, so that only the call is measured."""

    async def quote(self, order_id: str, cents: int) -> Receipt:
        return Receipt(receipt_id=order_id, cents=cents)

    async def lines(self, order_id: str) -> list[Line]:  # noqa: ARG002 - as its contract says
        return LINES


def cases(payments: Payments) -> dict[str, Call]:
    """The calls that are measured, by what a figure's name has between ``calls.grpc`` and 16."""
    return {
        "": lambda: payments.quote(ORDER_ID, CENTS),
        ".list50": lambda: payments.lines(ORDER_ID),
    }


class Meter:
    """
    Measures one call by the processor time that this process takes for it, both sides and gRPC's
    own threads included; keeps how long each took.
    """

    def __init__(self, call: Call, concurrency: int, calls: int = CALLS) -> None:
        self._call = call
        self._concurrency = concurrency
        self._each = calls // concurrency
        self._took: list[int] = []

    async def __call__(self) -> float:
        """Microseconds of processor time for each call."""
        took: list[int] = []

        async def caller() -> None:
            for _ in range(self._each):
                began = perf_counter_ns()
                await self._call()
                took.append(perf_counter_ns() - began)

        started = process_time_ns()
        await asyncio.gather(*(caller() for _ in range(self._concurrency)))
        spent = process_time_ns() - started
        self._took += took
        return spent / len(took) / 1_000

    def latencies(self) -> dict[str, Any]:
        """The median and the hundredth that is slowest, in microseconds, of all rounds."""
        cuts = quantiles(self._took, n=100)
        return {"p50_us": round(cuts[49] / 1_000), "p99_us": round(cuts[98] / 1_000)}


def execution() -> Context:
    """The execution of the service that calls."""
    return Context(
        caller=SYSTEM,
        correlation_id="0197b2f0-0000-7000-8000-000000000000",
        trace_id=2**127 + 1,
        span_id=2**63 + 1,
        deadline=SystemClock().monotonic() + 3_600,
        method="orders.place_order",
        key="key",
    )
