"""Snapshots: whoever reads on one, whenever it ends, and whenever its reader gives up."""

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from typing import Any

import pytest

from outgrow.clock import SystemClock
from outgrow.errors import StatementRefused, TransactionClosed
from outgrow.store import Store
from outgrow.store.sqlite import readers
from outgrow.store.sqlite.connection import Connection

COUNT = "select count(*) from item"
ENDLESS = "with recursive c(x) as (select 1 union all select x + 1 from c) select count(*) from c"


class Gate:
    """Holds up each statement that names it, and notes what happens on the connections."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.log: list[str] = []
        self.opened = threading.Event()
        real_fetch, real_own = Connection.fetch, Connection.own

        def fetch(connection: Connection, sql: str, parameters: Any) -> Any:
            self.log.append(f"begin {sql}")
            if "gate" in sql:
                self.opened.wait(10)
            rows = real_fetch(connection, sql, parameters)
            self.log.append(f"end {sql}")
            return rows

        def own(connection: Connection, sql: str, parameters: Any = ()) -> Any:
            self.log.append(sql)
            return real_own(connection, sql, parameters)

        patch.setattr(Connection, "fetch", fetch)
        patch.setattr(Connection, "own", own)


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    gate = Gate(monkeypatch)
    yield gate
    gate.opened.set()


async def turns() -> None:
    for _ in range(5):
        await SystemClock().sleep(0)


async def start(coroutine: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
    """A task that has gone as far as it can."""
    task = asyncio.get_running_loop().create_task(coroutine)
    await turns()
    return task


@pytest.mark.parametrize("is_quick", [False, True], ids=["unknown", "quick"])
async def test_reads_at_once_on_one_snapshot_run_one_after_the_other(
    store: Store, gate: Gate, is_quick: bool
) -> None:
    if is_quick:
        for _ in range(2):
            async with store.read() as snapshot:
                await snapshot.fetch_one(int, "select 2")
    gate.log.clear()
    async with store.read() as snapshot:
        first = await start(snapshot.fetch_one(int, "select 1 /* gate */"))
        second = await start(snapshot.fetch_one(int, "select 2"))
        assert not second.done()
        gate.opened.set()
        assert await asyncio.gather(first, second) == [1, 2]
    assert gate.log == [
        "begin",
        "begin select 1 /* gate */",
        "end select 1 /* gate */",
        "begin select 2",
        "end select 2",
        "commit",
    ]


@pytest.mark.parametrize("is_cancelled", [False, True], ids=["ends", "is cancelled"])
async def test_a_snapshot_ends_after_the_read_that_is_under_way(
    store: Store, gate: Gate, is_cancelled: bool
) -> None:
    reads = []

    async def read() -> None:
        async with store.read() as snapshot:
            create_task = asyncio.get_running_loop().create_task
            reads.append(create_task(snapshot.fetch_one(int, "select 1 /* gate */")))
            reads.append(create_task(snapshot.fetch_one(int, "select 2")))
            await SystemClock().sleep(0)

    block = await start(read())
    if is_cancelled:
        block.cancel()
        await turns()
    assert "commit" not in gate.log
    assert not block.done()
    gate.opened.set()
    await asyncio.wait([block])
    assert block.cancelled() == is_cancelled
    assert gate.log[-2:] == ["end select 1 /* gate */", "commit"]
    assert await reads[0] == 1
    with pytest.raises(TransactionClosed):
        await reads[1]


async def test_a_read_that_waits_for_a_thread_ends_when_it_is_cancelled(
    store: Store, gate: Gate
) -> None:
    async def read(sql: str) -> int:
        async with store.read() as snapshot:
            return await snapshot.fetch_one(int, sql)

    busy = [await start(read("select 1 /* gate */")) for _ in range(readers.READER_THREADS)]
    queued = await start(read("select 2"))
    queued.cancel()
    await turns()
    assert queued.cancelled()
    gate.opened.set()
    assert await asyncio.gather(*busy) == [1] * readers.READER_THREADS
    assert "begin select 2" not in gate.log
    assert await read("select 2") == 2


async def test_a_read_that_runs_is_interrupted_when_it_is_cancelled(
    store: Store, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("outgrow.store.sqlite.connection.STATEMENT_SECONDS_MAX", 20.0)
    async with store.read() as snapshot:
        endless = await start(snapshot.fetch_one(int, ENDLESS))
        async with asyncio.timeout(10):
            while f"begin {ENDLESS}" not in gate.log:
                await turns()
            while not endless.done():  # The statement itself may have yet to begin.
                endless.cancel()
                await turns()
        assert endless.cancelled()
        assert await snapshot.fetch_one(int, "select 1") == 1


async def test_a_snapshot_inside_of_another_does_not_wait_for_it(store: Store) -> None:
    async def read(depth: int) -> int:
        async with store.read() as snapshot:
            await turns()  # Until all hold one.
            if depth == 0:
                return await snapshot.fetch_one(int, COUNT)
            return sum(await asyncio.gather(read(depth - 1)))

    async with asyncio.timeout(5):
        await asyncio.gather(*[read(1) for _ in range(readers.SNAPSHOTS_MAX)])
    statistics = store.statistics()
    assert (statistics["snapshots"], statistics["snapshots_open"]) == (2 * 64, 0)


async def test_too_many_snapshots_inside_of_others_are_refused(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readers, "SNAPSHOTS_INSIDE_MAX", 1)
    for _ in range(2):
        async with store.read(), store.read():
            with pytest.raises(StatementRefused, match="End a snapshot before"):
                async with store.read():
                    pass


async def test_a_task_that_outlives_the_snapshot_it_was_made_in_waits_as_all_do(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readers, "SNAPSHOTS_INSIDE_MAX", 0)
    go = asyncio.Event()

    async def read_later() -> int:
        await go.wait()
        async with store.read() as snapshot:
            return await snapshot.fetch_one(int, COUNT)

    async with store.read():
        task = await start(read_later())
    go.set()
    assert await task == 0
