"""
7. 24 writers, random delays, 5 % of rollbacks after the positions were drawn: no position is
passed over or read twice, and each key is read in the order in which it was recorded.
"""

from __future__ import annotations

import asyncio
import logging
import random

import pytest

from outgrow.journal.replicas import Frontier
from outgrow.testing import PostgresServer
from tests.crash.harness import seed
from tests.faults.writers import (
    Follower,
    Reluctant,
    Writers,
    in_order_per_key,
    latencies,
    opened,
)

_log = logging.getLogger(__name__)


async def written_and_read(url: str, seconds: float, patience: float) -> tuple[Writers, Follower]:
    chance = random.Random(seed())
    outboxes = [Reluctant(chance, 0.006, 0.05) for _ in range(3)]
    async with (
        opened(url, outboxes[0]) as first,
        opened(url, outboxes[1]) as second,
        opened(url, outboxes[2]) as read,
        asyncio.TaskGroup() as group,
    ):
        follower = Follower(read, outboxes[2])
        following = group.create_task(follower.run())
        writers = Writers([first, second], chance)
        await writers.run(seconds)
        await follower.until_seen(set(writers.committed), patience)
        following.cancel()
    return writers, follower


@pytest.mark.parametrize("seconds", [1.2, pytest.param(20, marks=pytest.mark.long)])
async def test_nothing_is_passed_over_or_read_twice(
    outgrow_postgres: PostgresServer,
    seconds: float,
) -> None:
    writers, follower = await written_and_read(await outgrow_postgres.database(), seconds, 10)

    assert writers.rolled_back > 0
    assert set(follower.seen) == set(writers.committed)
    assert len(follower.messages) == len(follower.seen)
    for key, bodies in in_order_per_key(follower.messages).items():
        assert bodies == [b for b in writers.committed if f'"{key}"' in b], key
    assert follower.journal.frontier is not None
    assert follower.journal.frontier.statistics()["gaps_passed"] > 0
    times = latencies(writers, follower)
    _log.warning(
        "%.0f events/s; read after p50 %.1f ms, p99 %.1f ms",
        len(times) / seconds,
        times[len(times) // 2] * 1000,
        times[len(times) * 99 // 100] * 1000,
    )


async def test_a_frontier_that_takes_the_last_position_for_the_end_is_found_out(
    outgrow_postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def naive(self: Frontier) -> int:
        async with self._store.read() as snapshot:
            ((end,),) = await snapshot.own("select coalesce(max(position), 0) from outgrow_journal")
        return int(end)

    monkeypatch.setattr(Frontier, "reach", naive)
    writers, follower = await written_and_read(await outgrow_postgres.database(), 1.2, 1)
    assert set(writers.committed) - set(follower.seen)
