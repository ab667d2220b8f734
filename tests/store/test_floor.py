"""The floor of a store: who waits for it gets it, whoever else comes and whatever goes wrong."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from outgrow.clock import SystemClock
from outgrow.errors import StatementFailed, StoreError
from outgrow.store import Store, Transaction
from outgrow.store.pace import Pace
from outgrow.store.sqlite import writer
from outgrow.store.sqlite.connection import Connection

COUNT = "with recursive c(x) as (select 1 union all select x + 1 from c limit 200000) "


async def put(tx: Transaction, name: str) -> str:
    await tx.execute("insert into item (name) values (:name)", name=name)
    return name


async def slow(tx: Transaction) -> None:
    await tx.fetch_one(int, COUNT + "select count(*) from c")


async def start(coroutine: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
    """A task that has begun."""
    task = asyncio.get_running_loop().create_task(coroutine)
    await SystemClock().sleep(0)
    return task


@pytest.mark.parametrize("units_max", [1, 256])
async def test_a_task_that_comes_again_and_again_does_not_keep_the_floor(
    store: Store, monkeypatch: pytest.MonkeyPatch, units_max: int
) -> None:
    monkeypatch.setattr(writer, "UNITS_PER_COMMIT_MAX", units_max)
    monkeypatch.setattr(Pace, "ran_aside", lambda *_: None)  # Nothing is ever quick.
    order = []

    async def give(name: str, times: int) -> None:
        for n in range(times):
            await store.transact(put, f"{name} {n}")
            order.append(name)

    await asyncio.gather(give("often", 8), give("once", 1))
    assert order.index("once") <= 1


async def test_units_do_not_gather_for_long_before_they_are_committed(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "COMMIT_DELAY_SECONDS_MAX", 0.0)
    await asyncio.gather(*[store.transact(put, f"{n}") for n in range(4)])
    assert store.statistics()["commits"] == 4


async def test_who_waits_behind_many_that_were_cancelled_gets_the_floor(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "UNITS_PER_COMMIT_MAX", 2)
    first = await start(store.transact(slow))
    many = [await start(store.transact(put, f"{n}")) for n in range(9)]
    last = await start(store.transact(put, "last"))
    for task in many:
        task.cancel()
    async with asyncio.timeout(5):
        await first
        assert await last == "last"


async def test_closing_tells_all_who_wait(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "UNITS_PER_COMMIT_MAX", 1)
    first = await start(store.transact(slow))
    closing = await start(store.close())
    many = [await start(store.transact(put, f"{n}")) for n in range(9)]
    async with asyncio.timeout(5):
        results = await asyncio.gather(*many, return_exceptions=True)
        await asyncio.gather(first, closing)
    assert all(isinstance(result, str | StoreError) for result in results)


async def test_whatever_goes_wrong_after_a_commit_its_callers_hear_of_it(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(_: Any, __: Any) -> None:
        raise OSError("after the commit")

    monkeypatch.setattr(writer.Writer, "_count", fails)
    seen: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, what: seen.append(what["exception"]))
    async with asyncio.timeout(5):
        assert await asyncio.gather(*[store.transact(put, n) for n in "ab"]) == ["a", "b"]
    assert {type(error) for error in seen} == {OSError}


async def test_a_commit_that_cannot_even_be_rolled_back_has_failed(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = Connection.own

    def fails(connection: Connection, sql: str, parameters: Any = ()) -> Any:
        if sql == "commit":
            raise StatementFailed("no", "OperationalError")
        if sql == "rollback":
            raise OSError("nor this")
        return own(connection, sql, parameters)

    monkeypatch.setattr(Connection, "own", fails)
    asyncio.get_running_loop().set_exception_handler(lambda *_: None)
    with pytest.raises(StatementFailed, match="the commit did not succeed"):
        await store.transact(put, "a")
