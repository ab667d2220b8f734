"""
How soon the callers of three replicas do not notice what happens to one of them.

It becomes 20 times slower and usual again, stands still, dies, comes back, and dies at once, under
a steady load of queries and commands; the directory says all the while that it is there. A figure
is the longest time after one of these until the 99th percentile is below half of what a slow call
takes, and stays there; for comparison, the same with round robin.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from benchmarks.replicas import SLOW_SECONDS, USUAL_SECONDS, Load, Replicas, caller, replicas
from outgrow.clock import SystemClock

GOAL_SECONDS = 2.0
WARM_SECONDS = 4.0


@dataclass
class Told:
    """What came of one run."""

    seconds_by_event: dict[str, float]
    p99_by_event: dict[str, float]
    calls: int
    failed: int
    statistics: dict[str, Any]


async def disturb(one: Replicas, *, is_balanced: bool) -> Told:
    """Let everything happen to the first replica, and measure."""
    clock, loop = SystemClock(), asyncio.get_running_loop()

    async def freeze() -> None:
        one.freeze(0)

    async def pace(seconds: float) -> None:
        one.set_seconds(0, seconds)

    steps: dict[str, tuple[Callable[[], Awaitable[None]], float]] = {
        "slow": (partial(pace, SLOW_SECONDS), 4),
        "usual again": (partial(pace, USUAL_SECONDS), 6),
        "frozen": (freeze, 4),
        "killed then": (partial(one.kill, 0), 3),
        "back": (partial(one.start, 0), 6),
        "killed": (partial(one.kill, 0), 3),
    }
    async with caller(one.endpoints, is_balanced=is_balanced) as (client, balanced):
        load, began = Load(client), {}
        async with load.running():
            await clock.sleep(WARM_SECONDS)
            for name, (step, seconds) in steps.items():
                began[name] = loop.time()
                await step()
                await clock.sleep(seconds)
            ended = loop.time()
        times = [*began.values(), ended]
        spans = {name: (times[n], times[n + 1]) for n, name in enumerate(began)}
        return Told(
            {
                name: load.recovered(*span, limit=(USUAL_SECONDS + SLOW_SECONDS) / 2)
                for name, span in spans.items()
            },
            {name: load.p99(span[0] + GOAL_SECONDS, span[1]) for name, span in spans.items()},
            len(load.made),
            len(load.failed),
            balanced.statistics(),
        )


async def _figures() -> list[dict[str, Any]]:
    found = []
    for name, is_balanced in (("", True), (".round_robin", False)):
        async with replicas() as one:
            told = await disturb(one, is_balanced=is_balanced)
        figure: dict[str, Any] = {
            "name": f"calls.replicas{name}",
            "value": round(max(told.seconds_by_event.values()), 2),
            "unit": "s until p99 has recovered",
            "by_event": {key: round(each, 2) for key, each in told.seconds_by_event.items()},
            "p99_ms_after_2_s": {
                key: round(each * 1_000, 1) for key, each in told.p99_by_event.items()
            },
            "calls": told.calls,
            "failed": told.failed,
        }
        if is_balanced:
            figure |= {
                "goal": GOAL_SECONDS,
                "moved": told.statistics["moved"],
                "repeats": told.statistics["budget"]["repeats"],
            }
        found.append(figure)
    return found


def run() -> Iterator[dict[str, Any]]:
    """The figures of one replica of three that becomes bad."""
    yield from asyncio.run(_figures())
