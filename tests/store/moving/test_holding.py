"""A store lets units of work wait for a while, and goes on with another database."""

import asyncio

import pytest

from outgrow.clock import ManualClock
from outgrow.errors import StoreError
from outgrow.store import open_store


@pytest.fixture
async def stores(tmp_path, migrations):
    made = [
        await open_store(
            tmp_path / f"{name}.sqlite3",
            application="shop",
            service="s",
            clock=ManualClock(),
            migrations=migrations,
        )
        for name in ("old", "new")
    ]
    yield made
    for store in made:
        await store.close()


async def note(tx, line: str) -> str:
    await tx.execute("insert into note values (:line)", line=line)
    return line


async def notes(store) -> list[str]:
    async with store.read() as snapshot:
        return await snapshot.fetch_all(str, "select line from note order by line")


async def _a_few_turns() -> None:
    for _ in range(20):
        await asyncio.to_thread(lambda: None)


async def test_new_units_wait_and_reading_goes_on(stores):
    store, _ = stores
    await store.transact(note, "before")
    await store.hold(5)
    async with asyncio.TaskGroup() as tasks:
        waiting = [tasks.create_task(store.transact(note, "meanwhile"))]
        waiting.append(tasks.create_task(await_submitted(store)))
        await _a_few_turns()

        assert not any(task.done() for task in waiting)
        assert await notes(store) == ["before"]
        store.go_on()
    assert await notes(store) == ["before", "meanwhile", "submitted"]


async def await_submitted(store) -> None:
    await (await store.submit(note, "submitted"))


async def test_a_hold_ends_by_itself_and_later_if_it_is_asked_for_again(stores):
    store, _ = stores
    await store.hold(5)
    async with asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(store.transact(note, "late"))
        store.clock.advance(4)
        await store.hold(5)
        store.clock.advance(4)
        await _a_few_turns()
        assert not waiting.done()
        store.clock.advance(1)
    assert await notes(store) == ["late"]


async def test_who_gives_up_while_it_is_held_has_not_begun(stores):
    store, _ = stores
    await store.hold(5)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await store.transact(note, "given up")
    store.go_on()
    await store.transact(note, "after")
    assert await notes(store) == ["after"]


async def test_after_the_switch_all_goes_on_with_the_other_database(stores):
    old, new = stores
    await old.transact(note, "old")
    await old.hold(5)
    async with asyncio.TaskGroup() as tasks, old.read() as snapshot:
        before = await snapshot.fetch_all(str, "select line from note")
        waiting = tasks.create_task(old.transact(note, "new"))
        await _a_few_turns()
        await old.switch(new)
        await waiting

        assert await snapshot.fetch_all(str, "select line from note") == before == ["old"]
    assert await notes(old) == ["new"]
    assert old.dialect == "sqlite"


async def test_a_store_that_is_closed_lets_nobody_wait(stores):
    store, _ = stores
    await store.hold(5)

    async def never() -> None:
        with pytest.raises(StoreError, match="closed"):
            await store.transact(note, "never")

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(never())
        await _a_few_turns()
        await store.close()


async def test_units_that_have_begun_end_before_it_is_held(stores):
    store, _ = stores
    ended = []

    async def slowly(tx) -> None:
        # A statement that the store runs aside, since it does not know how quick it is.
        await tx.execute("insert into note values ('slow')")
        ended.append("slow")

    async with asyncio.TaskGroup() as tasks:
        for _ in range(10):
            tasks.create_task(store.transact(slowly))
        await asyncio.to_thread(lambda: None)
        await store.hold(5)
        assert len(ended) == 10
