"""
How long a transactional command takes at a tenth of the full rate, on SQLite and on PostgreSQL.

Commands come at fixed times, and each is measured from the moment at which it was to begin. The
full rate is that of 64 tasks. The baseline is one durable commit of the same rows, alone: raw
sqlite3, and one client of pgbench.
"""

import asyncio
import os
import sqlite3
from collections.abc import Awaitable, Callable, Iterator
from statistics import median
from time import perf_counter
from typing import Any

from benchmarks.measure import alternate_async
from benchmarks.pacing import SHARE, Latency, paced
from benchmarks.running import COMMANDS, count_at_once, raw_sqlite, running
from benchmarks.store_postgres import TRANSACTIONAL, serving
from benchmarks.store_sqlite import write_raw

COMMITS = 300


def commit_alone(raw: sqlite3.Connection) -> Callable[[], Awaitable[float]]:
    """Milliseconds of one commit by raw sqlite3."""

    async def theirs() -> float:
        return median(1e3 / write_raw(raw, 1, 1, keyed=True) for _ in range(COMMITS))

    return theirs


async def _latency(
    client: Any, name: str, theirs: Callable[[], Awaitable[float]], of: str
) -> dict[str, Any]:
    await count_at_once(client, 64)  # Warm.
    started = perf_counter()
    await count_at_once(client, 64)
    rate = COMMANDS / (perf_counter() - started) / SHARE
    latency = Latency()

    async def ours() -> float:
        return latency.p50(await paced(lambda number: client.count(number % 64), rate))

    return latency.figure(await alternate_async(ours, theirs), name, rate, of)


async def _sqlite() -> dict[str, Any]:
    async with running("counting") as (_, client):
        with raw_sqlite() as raw:
            of = "one commit of raw sqlite3"
            return await _latency(client, "store.sqlite.latency", commit_alone(raw), of)


async def _postgres() -> dict[str, Any]:
    async with serving() as (server, bench):
        os.environ["OUTGROW_STORE_COUNTING"] = await server.database("latency")
        try:
            async with running("counting") as (_, client):

                async def theirs() -> float:
                    return 1e3 / await bench.rate(TRANSACTIONAL % "read committed", 1, COMMITS)

                of = "one client of pgbench"
                return await _latency(client, "store.postgres.latency", theirs, of)
        finally:
            del os.environ["OUTGROW_STORE_COUNTING"]


def run() -> Iterator[dict[str, Any]]:
    """The latencies of both stores."""
    yield asyncio.run(_sqlite())
    yield asyncio.run(_postgres())
