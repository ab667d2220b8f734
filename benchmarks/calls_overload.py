"""
What a process does that is asked for three times as much as it can do, for a minute.

Its capacity is measured first, and the 99th percentile at 70 % of it; calls come at random moments
and have a second. A figure is the goodput under overload, in calls answered in time, as a share of
the capacity; once for a service that burns processor time and once for one that waits for something
scarce, with the adaptive limit and without.
"""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from benchmarks.overload import Kind, callers

GOAL = 0.9
OVERLOAD = 3
P99_RATIO_GOAL = 3.0
ATTEMPTS_RATIO_GOAL = 1.1


@dataclass(frozen=True)
class Told:
    """
    What came of one run.

    Attributes:
        capacity: Calls in a second that it can do.
        goodput: Calls that were answered in time under overload, as a share of the capacity.
        p99_ratio: The 99th percentile of these, as a multiple of the usual one.
        attempts_ratio: Attempts for each request, of the whole run.
    """

    capacity: float
    goodput: float
    p99_usual: float
    p99_ratio: float
    attempts_ratio: float
    refused: int
    late: int
    usual_refused: int
    statistics: dict[str, Any]


async def overload(
    kind: Kind, *, is_limited: bool, seconds: float, usual_seconds: float = 10.0
) -> Told:
    """Measure a process under usual load, and under three times its capacity."""
    async with callers(kind, is_limited=is_limited) as asking:
        capacity = await asking.measure_capacity(usual_seconds / 3)
        usual = await asking.ask(usual_seconds, 0.7 * capacity)
        outcome = await asking.ask(seconds, OVERLOAD * capacity)
        budget = asking.balanced.statistics()["budget"]
        return Told(
            capacity=capacity,
            goodput=len(outcome.latencies) / seconds / capacity,
            p99_usual=usual.quantile(0.99),
            p99_ratio=outcome.quantile(0.99) / usual.quantile(0.99),
            attempts_ratio=1 + budget["repeats"] / budget["calls"],
            refused=outcome.refused,
            late=outcome.late,
            usual_refused=usual.refused,
            statistics=await asking.called.statistics(),
        )


async def _figures(seconds: float) -> list[dict[str, Any]]:
    figures = []
    kinds: tuple[Kind, ...] = ("burn", "rent")
    for kind in kinds:
        for is_limited in (True, False):
            # It shows soon that a process without a limit is of no use.
            lasts = seconds if is_limited else seconds / 4
            told = await overload(kind, is_limited=is_limited, seconds=lasts)
            figure = {
                "name": f"calls.overload.{kind}{'' if is_limited else '.unlimited'}",
                "value": round(told.goodput, 3),
                "unit": "of the capacity",
                "capacity": round(told.capacity, 1),
                "p99_usual_ms": round(told.p99_usual * 1_000, 1),
                "p99_ratio": round(told.p99_ratio, 2),
                "attempts_ratio": round(told.attempts_ratio, 3),
                "refused": told.refused,
                "late": told.late,
            }
            figures.append(figure | ({"goal": GOAL} if is_limited else {}))
    return figures


def run(seconds: float = 60.0) -> Iterator[dict[str, Any]]:
    """The figures of a minute of overload, for each kind of service."""
    yield from asyncio.run(_figures(seconds))
