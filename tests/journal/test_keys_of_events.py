"""What may be the key of an event, and keys that were recorded before there was a limit."""

import random

import pytest

from outgrow.errors import EventKeyRefused
from outgrow.journal.messages import partition_of
from tests.journal.conftest import Run
from tests.journal.shop import Shop
from tests.journal.test_events import placed, record


@pytest.mark.parametrize("key", ["", "x" * 256, "a\0", "a\nb", "\ud800"])
async def test_an_event_whose_key_cannot_be_kept_is_refused_when_it_is_recorded(
    shop: Shop, key: str
):
    await record(shop, placed("½" * 255))
    with pytest.raises(EventKeyRefused, match=r"orders\.OrderPlaced: its key cannot be kept: it"):
        await record(shop, placed(key))
    keys = "select key from outgrow_journal where kind = 'event'"
    assert await shop.rows("orders", keys) == [("½" * 255,)]


@pytest.mark.parametrize("what", ["long", "NUL"])
async def test_a_key_of_before_keys_were_limited_lets_nobody_else_wait(
    shop: Shop, what: str, store_kind: str
):
    if what == "NUL" and store_kind == "postgres":
        pytest.skip("PostgreSQL's journals never held one; only SQLite's did")
    key = "old\0" if what == "NUL" else random.Random(7).randbytes(3000).hex()

    async def record_as_before(tx):
        for n in (1, 2):
            await tx.record(placed("old", n))
        for n, entry in enumerate(tx.entries):
            tx.entries[n] = (*entry[:5], key, partition_of(key), *entry[7:])

    shop.letters_service.broken.add("old")
    await shop.stores["orders"].transact(record_as_before)
    await record(shop, placed("a"), placed("b"))
    await shop.settle_all()
    assert sorted(await shop.texts()) == ["a placed 1", "b placed 1"]
    lines = await shop.rows("letters", "select distinct key from outgrow_waiting")
    assert [partition_of(line) for (line,) in lines] == [partition_of(key)]

    shop.letters_service.broken.clear()
    await shop.delivery.replay("letters.tell", lines[0][0])
    await shop.settle_all()
    assert (await shop.texts())[2:] == ["old placed 1", "old placed 2"]


async def test_what_waits_since_before_keys_were_limited_is_handled_in_order(run_shop: Run):
    key = "k" * 600

    async def record_as_before(tx, n):
        await tx.record(placed("old", n))
        entry = tx.entries[0]
        tx.entries[0] = (*entry[:5], key, partition_of(key), *entry[7:])

    async def wait_as_before(tx):
        await tx.own("update outgrow_waiting set key = ?", (key,))

    async with run_shop() as shop:
        shop.letters_service.broken.add("old")
        await shop.stores["orders"].transact(record_as_before, 1)
        await shop.settle_all()
        await shop.stores["letters"].transact(wait_as_before)
    async with run_shop() as shop:
        await shop.stores["orders"].transact(record_as_before, 2)
        await shop.settle_all()
        assert await shop.texts() == []
        await shop.delivery.replay("letters.tell", key)
        await shop.settle_all()
        assert await shop.texts() == ["old placed 1", "old placed 2"]
        assert await shop.rows("letters", "select * from outgrow_waiting") == []
