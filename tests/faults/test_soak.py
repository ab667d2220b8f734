"""
At full rate for minutes: what a process holds in memory stays flat, and so does the log of a store.

``OUTGROW_SOAK_SECONDS`` makes it longer or shorter than five minutes.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
from pathlib import Path
from statistics import linear_regression

import pytest

from outgrow.clock import SystemClock
from tests.crash.harness import MachineMaker, end, shared
from tests.faults.machines import STORES
from tests.faults.test_histories import Tell, anomalies_of_lists, spawn

SECONDS = float(os.environ.get("OUTGROW_SOAK_SECONDS", "300"))
WARM_UP = 0.3
"""The share of the time in which caches may still grow."""

LOOK_SECONDS = 0.5
GROWTH_MAX = 0.1
"""Of what it holds after the warm-up, in the whole time that is left."""

LOG_BYTES_MAX = 64 * 1024 * 1024
SERVICES = ("source", "copies")
ENDLESS = 100_000_000


def held_bytes(pid: int) -> int:
    """What the process has in memory."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def log_bytes(state: Path) -> int:
    return max((path.stat().st_size for path in state.glob("store/*-wal")), default=0)


async def watch(process: subprocess.Popen[str], state: Path) -> tuple[list[tuple[float, int]], int]:
    """Time and bytes held while it runs, and how large a log became."""
    clock, samples, log = SystemClock(), [], 0
    began = clock.monotonic()
    while (passed := clock.monotonic() - began) < SECONDS:
        assert process.poll() is None, process.communicate()[1]
        samples.append((passed, held_bytes(process.pid)))
        log = max(log, log_bytes(state))
        await clock.sleep(LOOK_SECONDS)
    return samples, log


def growth_of(samples: list[tuple[float, int]]) -> float:
    """By which share it grows from the end of the warm-up to the end, by a straight line."""
    warm = [sample for sample in samples if sample[0] > WARM_UP * SECONDS]
    slope, start = linear_regression(*zip(*warm, strict=True))
    begin, finish = warm[0][0], warm[-1][0]
    return slope * (finish - begin) / (start + slope * begin)


@pytest.mark.long
@pytest.mark.timeout(SECONDS * 2 + 240)
@pytest.mark.parametrize("store", shared(STORES))
async def test_memory_and_log_stay_flat_at_full_rate(
    store: str, tmp_path: Path, machines: dict[str, MachineMaker], tell: Tell
) -> None:
    machine = await asyncio.to_thread(machines[store], tmp_path)
    process = spawn(tmp_path, ENDLESS, machine, "--seconds", str(SECONDS))
    try:
        assert process.stdout is not None
        assert "started" in await asyncio.to_thread(process.stdout.readline)
        samples, log = await watch(process, tmp_path)
        said, words = await asyncio.to_thread(process.communicate, None, 60)
    finally:
        end(process)
    assert "done" in said, words[-3_000:]

    growth = growth_of(samples)
    count, found = await asyncio.to_thread(look, machine, tmp_path)
    told = (
        f"{store}: {count} events in {SECONDS:.0f} s, {samples[-1][1] / 1e6:.0f} MB held, "
        f"{growth:+.1%} after the warm-up, a log of {log / 1e6:.0f} MB at most"
    )
    tell(told)
    assert growth < GROWTH_MAX, told
    assert log < LOG_BYTES_MAX, told
    assert found == [], told


def look(machine, state: Path) -> tuple[int, list[str]]:
    """How many events there were, and what is wrong."""
    with machine.tables(state, SERVICES) as tables:
        count = tables.number("source", "select count(*) from outgrow_journal")
        return count, anomalies_of_lists(tables, is_finished=False)
