"""Records that several sagas want: one holds it, and a decision counts for what was read only."""

from __future__ import annotations

from datetime import timedelta

import pytest

from outgrow import Guarded, Store
from outgrow.clock import ManualClock
from outgrow.store import Transaction
from tests.sagas.town import Town, both


@pytest.fixture
async def rooms(town: Town) -> Guarded:
    store = town.stores["stock"]

    async def make(tx: Transaction) -> None:
        columns = "room text primary key, held_by text, held_since text, version integer not null"
        await tx.own(f"create table rooms ({columns})")
        await tx.own("insert into rooms values ('red', null, null, 1)")

    await store.transact(make)
    return Guarded(store, "rooms", key="room")


@pytest.fixture
def store(town: Town) -> Store:
    return town.stores["stock"]


@both
async def test_one_saga_holds_a_record_and_others_hear_since_when(
    rooms: Guarded, store: Store, clock: ManualClock
):
    began = clock.now()

    async def hold(tx: Transaction, by: str):
        return await rooms.hold(tx, "red", by=by)

    async def release(tx: Transaction, by: str) -> bool:
        return await rooms.release(tx, "red", by=by)

    assert await store.transact(hold, "one") is None
    clock.advance(60)
    held = await store.transact(hold, "two")
    assert (held.by, held.since) == ("one", began)
    assert await store.transact(hold, "one") is None  # Its own again; since when stays.
    async with store.read() as snapshot:
        assert await rooms.holder(snapshot, "red") == held
    assert await store.transact(release, "two") is False
    assert await store.transact(release, "one") is True
    assert await store.transact(release, "one") is False
    assert await store.transact(hold, "two") is None
    async with store.read() as snapshot:
        (_, since) = await rooms.holder(snapshot, "red")
        assert await rooms.holder(snapshot, "blue") is None
    assert since - began == timedelta(seconds=60)


@both
async def test_what_was_read_is_changed_once(rooms: Guarded, store: Store):
    async def advance(tx: Transaction, version: int) -> bool:
        return await rooms.advance(tx, "red", version=version)

    assert [await store.transact(advance, version) for version in (1, 1, 2, 9)] == [
        True,
        False,
        True,
        False,
    ]


async def test_what_cannot_be_held_is_said(rooms: Guarded, store: Store):
    async def hold(tx: Transaction):
        return await rooms.hold(tx, "blue", by="one")

    with pytest.raises(LookupError, match="no record 'blue'"):
        await store.transact(hold)
    with pytest.raises(ValueError, match="is no name of a table"):
        Guarded(store, "rooms; drop table rooms")
