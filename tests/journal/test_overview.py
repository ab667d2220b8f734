"""What an operator sees of journals and consumers, and may decide about them."""

from __future__ import annotations

import pytest

from outgrow.errors import ControlError
from outgrow.journal import overview as module
from tests.journal.conftest import Run
from tests.journal.shop import Shop
from tests.journal.test_events import placed, record


async def test_the_newest_rows_are_told_in_their_order(shop: Shop):
    await record(shop, *(placed(f"o{n}", n) for n in range(5)))

    told = await shop.delivery.overview.rows("orders", limit=2)

    assert [(row.key, row.type, row.kind) for row in told.rows] == [
        ("o3", "orders.OrderPlaced", "event"),
        ("o4", "orders.OrderPlaced", "event"),
    ]
    assert [row.body for row in told.rows] == [None, None]
    assert told.rows[0].position < told.rows[1].position
    assert not told.is_cut


async def test_rows_behind_a_position_and_of_one_type_are_told_with_their_bodies(shop: Shop):
    await record(shop, *(placed(f"o{n}", n) for n in range(5)))
    overview = shop.delivery.overview
    first = (await overview.rows("orders", after=0, limit=1)).rows[0].position

    told = await overview.rows("orders", after=first, limit=2, has_bodies=True)
    none = await overview.rows("orders", only="orders.OrderCancelled")

    assert [row.body for row in told.rows] == [
        {"order_id": "o1", "cents": 1},
        {"order_id": "o2", "cents": 2},
    ]
    assert none.rows == []


async def test_bodies_are_told_up_to_a_limit(shop: Shop, monkeypatch: pytest.MonkeyPatch):
    await record(shop, *(placed(f"o{n}", n) for n in range(5)))
    monkeypatch.setattr(module, "BODIES_BYTES_MAX", 60)

    told = await shop.delivery.overview.rows("orders", has_bodies=True)

    assert told.is_cut
    assert [row.key for row in told.rows] == ["o3", "o4"]


async def test_a_service_without_a_journal_here_is_refused(shop: Shop):
    with pytest.raises(ControlError, match="'cellar' has no journal in this process. There are: "):
        await shop.delivery.overview.rows("cellar")


async def test_keys_that_wait_are_told_with_the_reason(shop: Shop):
    shop.letters_service.broken.add("a")
    await record(shop, placed("a"), placed("b"), placed("a", 2))
    await shop.delivery.settle()

    [retrying], count = await shop.delivery.overview.waiting()
    await shop.settle_all()
    [parked], _ = await shop.delivery.overview.waiting()

    assert count == 1
    assert (retrying.consumer, retrying.source, retrying.key) == ("letters.tell", "orders", "a")
    assert (retrying.state, retrying.attempts, retrying.messages) == ("retrying", 1, 2)
    assert retrying.due_at is not None
    assert "a is broken" in retrying.error
    assert (parked.state, parked.attempts, parked.due_at) == ("parked", 8, None)


async def test_all_keys_of_a_consumer_are_replayed_together(shop: Shop):
    shop.letters_service.broken |= {"a", "b"}
    await record(shop, placed("a"), placed("b"), placed("c"))
    await shop.settle_all()
    shop.letters_service.broken.clear()

    assert await shop.delivery.replay("letters.tell", None) == 2
    await shop.settle_all()

    assert sorted(await shop.texts()) == ["a placed 1", "b placed 1", "c placed 1"]
    assert await shop.delivery.overview.waiting() == ([], 0)


async def consumers(shop: Shop) -> dict[tuple[str, str], str]:
    known = await shop.delivery.overview.consumers(await shop.delivery.statistics())
    return {(one.consumer, one.source): one.state for one in known}


async def leave(shop: Shop, consumer: str, source: str, keys: int) -> None:
    """Rows as a consumer leaves them whose code is taken away."""

    async def unit(tx):
        await tx.own("insert into outgrow_cursor values (?, ?, 7)", (consumer, source))
        await tx.own("insert into outgrow_highwater values (?, ?, 3, 7)", (consumer, source))
        for key in range(keys):
            row = (consumer, source, str(key), key, "parked", 8, None, "x", "2030", "{}")
            marks = ", ".join("?" * len(row))
            await tx.own(f"insert into outgrow_waiting values ({marks})", row)

    await shop.stores["letters"].transact(unit)


async def test_a_consumer_without_code_is_dead(shop: Shop):
    await leave(shop, "letters.gone", "orders", 2)

    known = await shop.delivery.overview.consumers(await shop.delivery.statistics())

    [dead] = [one for one in known if one.state == "dead"]
    assert (dead.consumer, dead.source, dead.position) == ("letters.gone", "orders", 7)
    assert (dead.waiting, dead.parked, dead.lag) == (2, 2, None)
    assert (await consumers(shop))["letters.tell", "orders"] == "running"


async def test_a_consumer_that_listens_to_another_source_now_is_dead_for_the_old_one(shop: Shop):
    await leave(shop, "letters.tell", "cellar", 1)

    assert (await consumers(shop))["letters.tell", "cellar"] == "dead"
    assert await shop.delivery.overview.remove("letters.tell") == 1
    assert ("letters.tell", "cellar") not in await consumers(shop)
    assert (await consumers(shop))["letters.tell", "orders"] == "running"


async def test_a_dead_consumer_is_removed_with_all_its_rows(shop: Shop, run_shop: Run):
    await leave(shop, "letters.gone", "orders", 3)
    before = await consumers(shop)

    assert await shop.delivery.overview.remove("letters.gone") == 3

    assert before.keys() - (await consumers(shop)).keys() == {("letters.gone", "orders")}
    async with shop.stores["letters"].read() as snapshot:
        for table in ("outgrow_cursor", "outgrow_highwater", "outgrow_waiting"):
            select = f"select 1 from {table} where consumer = 'letters.gone'"
            assert await snapshot.own(select) == []


async def test_a_consumer_that_runs_is_not_removed(shop: Shop):
    await record(shop, placed("a"))
    await shop.delivery.settle()

    with pytest.raises(ControlError, match="'letters.tell' runs, and only"):
        await shop.delivery.overview.remove("letters.tell")
    with pytest.raises(ControlError, match=r"'nobody' is no consumer .* Dead are: none"):
        await shop.delivery.overview.remove("nobody")

    assert (await consumers(shop))["letters.tell", "orders"] == "running"
