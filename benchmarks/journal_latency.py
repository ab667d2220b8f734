"""
How long after a command its event has its effect in another service, at a tenth of the full rate.

Commands come at fixed times. A thread looks every half millisecond how many effects are committed
in the other service's file; the n-th effect is taken for that of the n-th command, and measured
from the moment at which that one was to begin. In one process, and through NATS to another. The
baseline is one durable commit of the same rows by raw sqlite3: here are two, one after the other.
"""

import asyncio
import sqlite3
import tempfile
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing
from pathlib import Path
from time import perf_counter
from typing import Any

from benchmarks.journal_nats import SECONDS_MAX, listener, options, plan, server
from benchmarks.measure import alternate_async
from benchmarks.pacing import LEAD_SECONDS, SHARE, Latency, calls_at
from benchmarks.running import COMMANDS, count_at_once, raw_sqlite, running
from benchmarks.store_latency import commit_alone
from outgrow.clock import SystemClock
from outgrow.journal.nats import nats_broker
from outgrow.process import start_application

LOOK_SECONDS = 0.0005


class Watcher(threading.Thread):
    """Notes when each of *wanted* further effects was committed in *file*."""

    def __init__(self, file: Path, wanted: int) -> None:
        super().__init__(daemon=True)
        self._file = file
        self._wanted = wanted
        self.ready = threading.Event()
        self.seen_at: list[float] = []

    def run(self) -> None:
        with closing(sqlite3.connect(self._file)) as rows:
            before = _effects(rows)
            self.ready.set()
            give_up_at = perf_counter() + SECONDS_MAX
            while len(self.seen_at) < self._wanted and perf_counter() < give_up_at:
                new = _effects(rows) - before - len(self.seen_at)
                self.seen_at += [perf_counter()] * new
                time.sleep(LOOK_SECONDS)  # noqa: TID251 - in a thread


def _effects(rows: sqlite3.Connection) -> int:
    ((count,),) = rows.execute("select coalesce(sum(count), 0) from heard")
    return int(count)


async def _heard(client: Any, file: Path, rate: float, calls: int) -> list[float]:
    """Milliseconds from the moment at which each command was to begin to its effect."""
    watcher = Watcher(file, calls)
    watcher.start()
    await asyncio.to_thread(watcher.ready.wait)
    begin = perf_counter() + LEAD_SECONDS
    clock = SystemClock()
    async with asyncio.TaskGroup() as group:
        for number in range(calls):
            left = begin + number / rate - perf_counter()
            if left > 0:
                await clock.sleep(left)
            group.create_task(client.count(number % 64))
    await asyncio.to_thread(watcher.join)
    assert len(watcher.seen_at) == calls, "all effects"
    return [(seen - begin - n / rate) * 1e3 for n, seen in enumerate(watcher.seen_at)]


async def _latency(client: Any, file: Path, name: str) -> dict[str, Any]:
    async def at_full_rate() -> float:
        commands = COMMANDS // 64 * 64
        watcher = Watcher(file, commands)
        watcher.start()
        await asyncio.to_thread(watcher.ready.wait)
        started = perf_counter()
        await count_at_once(client, 64, commands)
        await asyncio.to_thread(watcher.join)
        return commands / (perf_counter() - started)

    await at_full_rate()  # Warm.
    rate = await at_full_rate() / SHARE
    latency = Latency()

    async def ours() -> float:
        return latency.p50(await _heard(client, file, rate, calls_at(rate)))

    with raw_sqlite() as raw:
        theirs: Callable[[], Awaitable[float]] = commit_alone(raw)
        rounds = await alternate_async(ours, theirs)
    return latency.figure(rounds, name, rate, "one commit of raw sqlite3")


async def _in_process() -> dict[str, Any]:
    async with running("counting", "hearing") as (application, client):
        file = application.state / "store" / "hearing.sqlite3"
        return await _latency(client, file, "journal.in_process.latency")


async def _nats() -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="outgrow-") as name:
        folder = Path(name)
        async with server(folder / "nats") as url:
            chosen = options(folder / "state", "counting", broker=nats_broker(url))
            async with (
                listener(folder, url) as other,
                start_application(plan(folder), chosen) as counting,
            ):
                from counting.contract import Counting  # noqa: PLC0415 - importable from here on

                await other.wait_handled(0)
                file = folder / "state" / "store" / "hearing.sqlite3"
                client = counting.client(Counting)
                return await _latency(client, file, "journal.nats.latency")


def run() -> Iterator[dict[str, Any]]:
    """The latencies of events."""
    yield asyncio.run(_in_process())
    yield asyncio.run(_nats())
