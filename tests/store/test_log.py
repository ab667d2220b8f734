"""The log of an SQLite store: readers that stay do not let it grow without end."""

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from outgrow.clock import SystemClock
from outgrow.errors import SnapshotExpired, TransactionClosed
from outgrow.store import Snapshot, Store, Transaction
from outgrow.store.sqlite import checkpoints, readers
from outgrow.store.sqlite.connection import Connection

COUNT = "select count(*) from item"
ENDLESS = "with recursive c(x) as (select 1 union all select x + 1 from c) select count(*) from c"
KIB = 1024
KEPT = 256 * KIB
BLOB = "x" * 16 * KIB


async def put(tx: Transaction, name: str) -> None:
    await tx.execute("insert or replace into item (name) values (:name)", name=name)


async def write(store: Store, kibibytes: int) -> None:
    """Let the log get about that much longer."""
    for number in range(kibibytes // 16):
        await store.transact(put, f"{number}{BLOB}")


@asynccontextmanager
async def snapshot_of(store: Store) -> AsyncIterator[Snapshot]:
    """A snapshot that shows something already."""
    async with store.read() as snapshot:
        await snapshot.fetch_one(int, COUNT)
        yield snapshot


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """A log that is made short soon."""
    monkeypatch.setattr(checkpoints, "LOG_KEPT_BYTES_MAX", KEPT)
    monkeypatch.setattr(checkpoints, "LOG_PAGES_AIMED_AT", 20)
    monkeypatch.setattr(checkpoints, "COMMITS_PER_CHECKPOINT", 4)
    monkeypatch.setattr(checkpoints, "CHECKPOINT_WAIT_SECONDS_MAX", 0.001)


async def test_a_snapshot_that_is_open_too_long_is_refused(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with snapshot_of(store) as snapshot:
        monkeypatch.setattr(readers, "SNAPSHOT_SECONDS_MAX", 0.0)
        for _ in range(2):
            with pytest.raises(SnapshotExpired, match=r"was open for .* s and was ended: 0 s are"):
                await snapshot.fetch_one(int, COUNT)
        monkeypatch.undo()
    statistics = store.statistics()
    assert (statistics["snapshots_expired"], statistics["snapshots_open"]) == (1, 0)
    async with store.read() as snapshot:
        assert await snapshot.fetch_one(int, COUNT) == 0
    with pytest.raises(TransactionClosed, match="after its end"):
        await snapshot.fetch_one(int, COUNT)


async def test_its_age_is_told(store: Store) -> None:
    assert store.statistics()["snapshot_oldest_seconds"] == 0
    async with snapshot_of(store), store.read():
        await SystemClock().sleep(0.002)
        assert 0.002 <= store.statistics()["snapshot_oldest_seconds"] < 10


@pytest.mark.parametrize("limit", [0.0, 30.0])
async def test_the_log_grows_only_while_a_snapshot_may_be_open(
    store: Store, small: None, monkeypatch: pytest.MonkeyPatch, limit: float
) -> None:
    async with snapshot_of(store) as snapshot:
        monkeypatch.setattr(readers, "SNAPSHOT_SECONDS_MAX", limit)
        await write(store, 4 * KIB)
        if limit:
            assert store.statistics()["log_bytes"] > 4 * KIB * KIB
            assert await snapshot.fetch_one(int, COUNT) == 0
        else:
            assert store.statistics()["log_bytes"] < 2 * KEPT
            with pytest.raises(SnapshotExpired):
                await snapshot.fetch_one(int, COUNT)


async def test_a_log_that_is_too_large_ends_snapshots_sooner(
    store: Store, small: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoints, "LOG_BYTES_MAX", 2 * KEPT)
    monkeypatch.setattr(readers, "STATEMENT_SECONDS_MAX", 0.0)
    async with snapshot_of(store) as snapshot:
        await write(store, 8 * KIB)
        assert store.statistics()["log_bytes"] < 5 * KEPT
        with pytest.raises(SnapshotExpired, match="while the log is too large"):
            await snapshot.fetch_one(int, COUNT)


async def test_the_log_is_cut_off_after_a_snapshot_though_nobody_writes(
    store: Store, small: None
) -> None:
    async with snapshot_of(store):
        await write(store, 2 * KIB)
        before = store.statistics()
        assert before["log_bytes"] > 4 * KEPT
        assert before["checkpoints_held_up"] > 1
    async with asyncio.timeout(10):
        while store.statistics()["log_cuts"] == before["log_cuts"]:
            await SystemClock().sleep(0.001)
    assert store.statistics()["log_bytes"] == 0
    await store.transact(put, "after")


async def test_the_log_is_cut_off_after_another_program_has_read(
    store: Store, small: None, tmp_path: Path
) -> None:
    with sqlite3.connect(tmp_path / "s.sqlite3", isolation_level=None) as raw:
        raw.execute("begin")
        raw.execute(COUNT).fetchall()
        await write(store, 8 * KIB)
        held_up = store.statistics()
        raw.execute("commit")
    raw.close()
    assert held_up["log_bytes"] > 8 * KIB * KIB
    # The larger it is, the more seldom it is looked at, because that takes longer then.
    assert held_up["checkpoints"] < 80
    await write(store, 4 * KIB)
    assert store.statistics()["log_bytes"] < 2 * KEPT


async def test_readers_that_follow_each_other_do_not_let_it_grow(store: Store, small: None) -> None:
    is_over = False
    slow = "with recursive c(x) as (select 1 union all select x + 1 from c limit 8000) "

    async def read() -> None:
        while not is_over:
            async with snapshot_of(store) as snapshot:
                await snapshot.fetch_one(int, slow + "select count(*) from c")

    async with AsyncExitStack() as stack, asyncio.TaskGroup() as group:
        stack.enter_context(pytest.MonkeyPatch.context()).setattr(
            checkpoints, "CHECKPOINT_WAIT_SECONDS_MAX", 2.0
        )
        for _ in range(3):
            group.create_task(read())
        largest = 0.0
        for _ in range(2):
            await write(store, KIB)
            largest = max(largest, store.statistics()["log_bytes"])
        is_over = True
    assert largest < 5 * KEPT


async def test_a_statement_under_way_is_interrupted_when_its_snapshot_is_ended(
    store: Store, small: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("outgrow.store.sqlite.connection.STATEMENT_SECONDS_MAX", 20.0)
    has_begun = threading.Event()
    fetch = Connection.fetch

    def tell(connection: Connection, sql: str, parameters: dict[str, object]) -> object:
        has_begun.set()
        return fetch(connection, sql, parameters)

    monkeypatch.setattr(Connection, "fetch", tell)
    async with snapshot_of(store) as snapshot:
        has_begun.clear()
        reading = asyncio.get_running_loop().create_task(snapshot.fetch_one(int, ENDLESS))
        await asyncio.to_thread(has_begun.wait, 10)
        monkeypatch.setattr(readers, "SNAPSHOT_SECONDS_MAX", 0.0)
        async with asyncio.timeout(10):
            while not reading.done():
                await write(store, 64)
        with pytest.raises(SnapshotExpired):
            await reading
        assert store.statistics()["snapshots_expired"] == 1


async def test_file_log_and_free_pages_are_told(store: Store, small: None) -> None:
    await write(store, KIB)
    await store.transact(_empty)
    await write(store, 128)
    statistics = store.statistics()
    assert statistics["file_bytes"] > 100 * KIB
    assert statistics["free_pages"] > 10
    assert statistics["checkpoint_seconds"] > 0
    assert statistics["checkpoint_slowest_seconds"] >= statistics["checkpoint_seconds"]


async def _empty(tx: Transaction) -> None:
    await tx.execute("delete from item")
