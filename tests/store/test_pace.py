"""Neither a slow statement nor a busy loop stops what goes on beside it."""

import asyncio
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import pytest

from outgrow.clock import SystemClock
from outgrow.errors import StatementFailed, StatementInterrupted, StatementRefused
from outgrow.store import Store, Transaction
from outgrow.store.pace import (
    QUICK_SECONDS,
    RUNS_ASIDE,
    RUNS_WATCHED,
    STALL_SECONDS,
    TEXTS_MAX,
    Pace,
)

COUNT = "with recursive c(x) as (select 1 union all select x + 1 from c limit :n) "
SLOW_ROWS = 800_000


async def put(tx: Transaction, name: str) -> None:
    await tx.execute("insert into item (name) values (:name)", name=name)


async def count_slowly(tx: Any) -> int:
    return int(await tx.fetch_one(int, COUNT + "select count(*) from c", n=SLOW_ROWS))


class Heartbeat:
    """Ticks each millisecond beside other tasks, and remembers its longest pause."""

    async def __aenter__(self) -> Self:
        self.longest_seconds = 0.0
        self._task = asyncio.get_running_loop().create_task(self._beat())
        await SystemClock().sleep(0)
        return self

    async def _beat(self) -> None:
        last = time.perf_counter()
        while True:
            await SystemClock().sleep(0.001)
            now = time.perf_counter()
            self.longest_seconds = max(self.longest_seconds, now - last)
            last = now

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


class BusyLoop:
    """A task that computes for a millisecond at a time and never lets the loop be idle."""

    async def __aenter__(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._spin())
        await SystemClock().sleep(0)

    async def _spin(self) -> None:
        while True:
            end = time.perf_counter() + 0.001
            while time.perf_counter() < end:
                pass
            await SystemClock().sleep(0)

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


async def test_a_slow_statement_in_a_unit_does_not_stop_the_loop(store: Store) -> None:
    await store.transact(put, "warm")
    for _ in range(2):
        async with Heartbeat() as heartbeat:
            started = time.perf_counter()
            assert await store.transact(count_slowly) == SLOW_ROWS
            took = time.perf_counter() - started
        assert took > 0.05
        assert heartbeat.longest_seconds < took / 2


async def test_a_slow_statement_in_a_snapshot_does_not_stop_the_loop_or_the_writer(
    store: Store,
) -> None:
    async def read() -> int:
        async with store.read() as snapshot:
            return await count_slowly(snapshot)

    async with Heartbeat() as heartbeat:
        started = time.perf_counter()
        reading = asyncio.get_running_loop().create_task(read())
        await SystemClock().sleep(0)
        await store.transact(put, "meanwhile")
        assert not reading.done()
        assert await reading == SLOW_ROWS
        took = time.perf_counter() - started
    assert heartbeat.longest_seconds < took / 2


@pytest.mark.parametrize("is_aside", [False, True], ids=["learning", "commits in the thread"])
async def test_a_busy_loop_does_not_starve_commands(
    store: Store, is_aside: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if is_aside:
        # As on a disk on which nothing is ever quick.
        monkeypatch.setattr(Pace, "ran_aside", lambda *_: None)
    async with BusyLoop(), asyncio.timeout(20):
        for i in range(20):
            await store.transact(put, f"{i}")
            async with store.read() as snapshot:
                assert await snapshot.fetch_one(int, "select count(*) from item") == i + 1
    calls = store.statistics()["calls_aside"]
    assert calls >= 40 if is_aside else calls < 40


async def test_an_endless_statement_in_a_snapshot_is_interrupted(store: Store) -> None:
    async with store.read() as snapshot:
        with pytest.raises(StatementInterrupted, match=r"interrupted after 1 s\. A statement may"):
            await snapshot.fetch_one(int, COUNT + "select count(*) from c", n=10**12)
        assert await snapshot.fetch_one(int, "select 1") == 1


async def test_a_statement_that_was_quick_may_become_endless(store: Store) -> None:
    async def count(tx: Transaction, n: int) -> int:
        return await tx.fetch_one(int, COUNT + "select count(*) from c", n=n)

    for _ in range(3):
        await store.transact(count, 5)
    with pytest.raises(StatementInterrupted):
        await store.transact(count, 10**12)
    assert await store.transact(count, 6) == 6


async def test_a_snapshot_does_not_see_what_is_committed_meanwhile(store: Store) -> None:
    async with store.read() as snapshot:
        assert await snapshot.fetch_one(int, "select count(*) from item") == 0
        await store.transact(put, "a")
        assert await snapshot.fetch_one(int, "select count(*) from item") == 0
    async with store.read() as snapshot:
        assert await snapshot.fetch_one(int, "select count(*) from item") == 1


@pytest.mark.parametrize(
    "sql",
    [
        "insert into item (name) values ('x')",
        "commit",
        "attach 'x' as x",
        "pragma query_only = off",
        "select * from outgrow_meta",
        "create temp table item (n)",
    ],
)
async def test_a_snapshot_only_reads(store: Store, sql: str) -> None:
    async with store.read() as snapshot:
        with pytest.raises(StatementRefused):
            await snapshot.fetch_all(int, sql)


async def test_many_snapshots_at_once_wait_for_their_turn(store: Store) -> None:
    async def read() -> int:
        async with store.read() as snapshot:
            await SystemClock().sleep(0)
            return await snapshot.fetch_one(int, "select 1")

    assert sum(await asyncio.gather(*[read() for _ in range(200)])) == 200


async def test_a_foreign_writer_delays_units_but_not_the_loop(store: Store, tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "s.sqlite3", isolation_level=None) as outside:
        outside.execute("begin immediate")
        async with Heartbeat() as heartbeat:
            unit = asyncio.get_running_loop().create_task(store.transact(put, "a"))
            await SystemClock().sleep(0.2)
            assert not unit.done()
            outside.execute("commit")
            await unit
        assert heartbeat.longest_seconds < 0.1
    outside.close()


async def test_a_foreign_writer_that_stays_fails_the_unit_in_the_end(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("outgrow.store.sqlite.connection.LOCK_WAIT_SECONDS", 0.05)
    with sqlite3.connect(tmp_path / "s.sqlite3", isolation_level=None) as outside:
        outside.execute("begin immediate")
        with pytest.raises(StatementFailed, match="locked"):
            await store.transact(put, "a")
        outside.execute("rollback")
    outside.close()
    await store.transact(put, "a")


async def test_the_log_does_not_grow_for_ever(store: Store, tmp_path: Path) -> None:
    for i in range(30):
        await asyncio.gather(*[store.transact(put, f"{i} {k} {'x' * 500}") for k in range(200)])
    statistics = store.statistics()
    assert statistics["checkpoints"] >= 1
    assert (tmp_path / "s.sqlite3-wal").stat().st_size < 24_000_000


def test_work_is_quick_after_one_quick_run_aside() -> None:
    pace = Pace()
    assert "a" not in pace.quick
    pace.ran_aside("a", 0.0)
    assert "a" in pace.quick


def test_work_that_was_slow_is_tried_again_ever_more_rarely() -> None:
    pace = Pace()
    pace.ran_aside("a", 0.0)
    for expected in (RUNS_ASIDE, RUNS_ASIDE * 2, RUNS_ASIDE * 4):
        pace.was_slow("a", STALL_SECONDS)
        runs = 0
        while "a" not in pace.quick:
            pace.ran_aside("a", 0.0)
            runs += 1
        assert runs == expected


def run_quickly(_work: str, _parameters: object) -> None:
    pass


def run_slowly(_work: str, _parameters: object) -> None:
    started = time.thread_time()
    while time.thread_time() - started < QUICK_SECONDS * 2:
        pass


def wait_for_disk(_work: str, _parameters: object) -> None:
    threading.Event().wait(QUICK_SECONDS * 2)


def test_work_that_was_only_held_up_is_watched_and_stays_on_the_loop() -> None:
    pace = Pace()
    pace.ran_aside("a", 0.0)
    pace.was_slow("a", STALL_SECONDS / 2)
    assert "a" not in pace.quick
    for _ in range(RUNS_WATCHED):
        assert "a" in pace.watched
        pace.watch(run_quickly, "a", None)
    assert "a" in pace.quick
    assert not pace.watched


@pytest.mark.parametrize("run", [run_slowly, wait_for_disk])
def test_work_that_is_found_to_be_slow_by_itself_goes_aside(run: Callable[..., None]) -> None:
    pace = Pace()
    pace.ran_aside("a", 0.0)
    pace.was_slow("a", QUICK_SECONDS * 2)
    pace.watch(run, "a", None)
    assert not pace.quick
    assert not pace.watched


def test_work_that_is_slow_aside_stays_there() -> None:
    pace = Pace()
    for _ in range(100):
        pace.ran_aside("a", QUICK_SECONDS * 2)
    assert "a" not in pace.quick


def test_the_memory_of_texts_is_bounded() -> None:
    pace = Pace()
    for i in range(TEXTS_MAX + 10):
        pace.ran_aside(f"{i}", 0.0)
    assert len(pace.quick) == TEXTS_MAX
    assert "0" not in pace.quick


def test_what_was_slow_hours_ago_is_forgiven(monkeypatch: pytest.MonkeyPatch) -> None:
    pace = Pace()
    pace.ran_aside("a", 0.0)
    for hour in range(5):
        now = hour * 3600.0
        monkeypatch.setattr("outgrow.store.pace.perf_counter", lambda now=now: now)
        pace.was_slow("a", STALL_SECONDS)
        runs = 0
        while "a" not in pace.quick:
            pace.ran_aside("a", 0.0)
            runs += 1
        assert runs == RUNS_ASIDE
