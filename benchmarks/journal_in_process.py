"""
From a command to the effect of its event in another service's store, sustained.

64 tasks give commands; each commits an event, which one handler turns into an effect of its own.
The clock stops when the last effect is committed. The baseline is the same commands with nobody
listening: `store.sqlite.transactional.64`.
"""

import asyncio
from collections.abc import Iterator
from time import perf_counter
from typing import Any

from benchmarks.measure import alternate_async
from benchmarks.running import COMMANDS, count_at_once, running

EVENTS = 4 * COMMANDS
GOAL = 0.4


async def _end_to_end() -> dict[str, Any]:
    async with (
        running("counting", "hearing") as (heard, client),
        running("counting") as (_, alone),
    ):

        async def ours() -> float:
            started = perf_counter()
            await count_at_once(client, 64, EVENTS)
            await heard.settle()
            return EVENTS / (perf_counter() - started)

        async def theirs() -> float:
            started = perf_counter()
            await count_at_once(alone, 64, EVENTS)
            return EVENTS / (perf_counter() - started)

        rounds = await alternate_async(ours, theirs)
    return rounds.figure(
        "journal.in_process.end_to_end",
        "events/s",
        of="store.sqlite.transactional.64",
        goal=GOAL,
    )


def run() -> Iterator[dict[str, Any]]:
    """The figure of events inside one process."""
    yield asyncio.run(_end_to_end())
