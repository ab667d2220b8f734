"""Latency as somebody meets it who comes at fixed times, however long others take."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from statistics import median, quantiles
from time import perf_counter
from typing import Any

from benchmarks.measure import Rounds
from outgrow.clock import SystemClock

SHARE = 10
"""A tenth of the full rate."""

SECONDS = 1.5
CALLS_MIN = 100
LEAD_SECONDS = 0.02


def calls_at(rate: float) -> int:
    """How many calls a round has."""
    return max(CALLS_MIN, int(rate * SECONDS))


async def paced(call: Callable[[int], Awaitable[Any]], rate: float) -> list[float]:
    """
    Milliseconds that each call took since the moment at which it was to begin.

    Args:
        call: Given its number.
        rate: Calls a second; each begins in time, whether those before it have ended or not.
    """
    calls = calls_at(rate)
    clock, taken = SystemClock(), [0.0] * calls
    begin = perf_counter() + LEAD_SECONDS

    async def one(number: int) -> None:
        await call(number)
        taken[number] = (perf_counter() - begin - number / rate) * 1e3

    async with asyncio.TaskGroup() as group:
        for number in range(calls):
            left = begin + number / rate - perf_counter()
            if left > 0:
                await clock.sleep(left)
            group.create_task(one(number))
    return taken


class Latency:
    """What the rounds of one measurement gave."""

    def __init__(self) -> None:
        self._p99: list[float] = []

    def p50(self, taken: Sequence[float]) -> float:
        """The median of one round, whose 99th percentile is kept too."""
        self._p99.append(quantiles(taken, n=100)[98])
        return median(taken)

    def figure(self, rounds: Rounds, name: str, rate: float, of: str) -> dict[str, Any]:
        """The line: the median as value, the 99th percentile beside it."""
        p99 = median(self._p99[1:])  # The first round does not count.
        return rounds.figure(
            name, "ms", of=of, p99=float(f"{p99:.4g}"), at=f"{rate:.0f}/s, a tenth of the full rate"
        )
