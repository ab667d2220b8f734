"""What operators decide is done and written down in one commit; every message is accounted for."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from outgrow.errors import ControlError
from outgrow.journal.auditing import Decision, histories
from tests.journal.conftest import Run
from tests.journal.orders import Noted
from tests.journal.shop import Shop
from tests.journal.test_events import placed, record
from tests.journal.test_sends import send

ADA = Decision(who="ada", reason="order a was a test")
AUDITS = (
    "select type, key, correlation_id, caller, body from outgrow_journal "
    "where kind = 'audit' order by position"
)


async def stuck(shop: Shop, *, keys: str = "a", each: int = 3) -> None:
    """Park each of *keys*, with others behind it."""
    shop.letters_service.broken |= set(keys)
    for n in range(each):
        await record(shop, *(placed(key, n) for key in keys))
    await shop.settle_all()


async def audits(shop: Shop, service: str = "letters") -> list[dict[str, Any]]:
    return [msgspec.json.decode(row[-1]) for row in await shop.rows(service, AUDITS)]


async def positions(shop: Shop) -> list[int]:
    rows = await shop.rows("orders", "select position from outgrow_journal order by position")
    return [position for (position,) in rows]


async def test_the_line_of_a_key_is_told_with_what_failed(shop: Shop):
    await stuck(shop)

    line = await shop.delivery.decisions.line("letters.tell", "a")

    assert [(row.position, row.state) for row in line] == list(
        zip(await positions(shop), ["parked", "queued", "queued"], strict=True)
    )
    assert "a is broken" in (line[0].error or "")
    assert {row.type for row in line} == {"orders.OrderPlaced"}


async def test_a_poisoned_message_is_dropped_and_its_key_flows_on(shop: Shop):
    await stuck(shop)
    first, *_ = await positions(shop)
    shop.letters_service.broken.clear()

    assert await shop.delivery.decisions.drop("letters.tell", "a", ADA, first) == 1
    await shop.settle_all()

    assert await shop.texts() == ["a placed 1", "a placed 2"]
    [known] = [s for s in await shop.delivery.statistics() if s.consumer == "letters.tell"]
    assert (known.waiting, known.parked_count) == (0, 0)


async def test_what_is_dropped_stands_in_the_journal_with_who_and_why(shop: Shop):
    await stuck(shop)
    first, *_ = await positions(shop)
    await shop.delivery.decisions.drop("letters.tell", "a", ADA, first)

    [(name, key, correlation_id, caller, text)] = await shop.rows("letters", AUDITS)
    ((id_, of_event),) = await shop.rows(
        "orders", "select id, correlation_id from outgrow_journal where position = ?", first
    )
    body = msgspec.json.decode(text)

    assert (name, key, correlation_id) == ("outgrow.Dropped", "a", of_event)
    assert msgspec.json.decode(caller)["subject"] == "operator ada"
    assert (body["who"], body["reason"]) == ("ada", "order a was a test")
    assert (body["consumer"], body["source"], body["messages"]) == ("letters.tell", "orders", 1)
    assert body["dropped"] == [{"position": first, "id": id_, "type": "orders.OrderPlaced"}]


async def test_all_of_a_key_is_dropped_at_once(shop: Shop):
    await stuck(shop, keys="ab")
    shop.letters_service.broken.clear()

    assert await shop.delivery.decisions.drop("letters.tell", "a", ADA) == 3
    await record(shop, placed("a", 9))
    await shop.settle_all()

    assert await shop.texts() == ["a placed 9"]
    assert await shop.delivery.decisions.line("letters.tell", "a") == []
    assert len(await shop.delivery.decisions.line("letters.tell", "b")) == 3


async def test_one_in_the_middle_is_dropped_and_the_first_stays_parked(shop: Shop):
    await stuck(shop)
    _, second, _ = await positions(shop)

    await shop.delivery.decisions.drop("letters.tell", "a", ADA, second)
    shop.letters_service.broken.clear()
    await shop.settle_all()
    assert await shop.texts() == []
    await shop.delivery.replay("letters.tell", "a")
    await shop.settle_all()

    assert await shop.texts() == ["a placed 0", "a placed 2"]


async def test_what_was_dropped_stays_dropped_after_a_restart(run_shop: Run):
    async with run_shop() as shop:
        await stuck(shop)
        first, *_ = await positions(shop)
        await shop.delivery.decisions.drop("letters.tell", "a", ADA, first)
    async with run_shop() as shop:
        await shop.settle_all()
        assert await shop.texts() == ["a placed 1", "a placed 2"]


async def test_a_command_that_cannot_be_sent_is_dropped(shop: Shop):
    shop.call_error = RuntimeError("never")
    await send(shop, "one")
    await shop.settle_all()
    [(id_,)] = await shop.rows("orders", "select id from outgrow_journal")
    shop.call_error = None

    assert await shop.delivery.decisions.drop("orders -> letters", id_, ADA) == 1
    await shop.settle_all()

    assert await shop.texts() == []
    [body] = await audits(shop, "orders")
    assert body["consumer"] == "orders -> letters"


async def test_nothing_is_dropped_and_nothing_written_where_nothing_waits(shop: Shop):
    await record(shop, placed("a"))
    await shop.settle_all()

    assert await shop.delivery.decisions.drop("letters.tell", "a", ADA) == 0
    assert await audits(shop) == []


@pytest.mark.parametrize(
    ("decision", "why"),
    [
        (Decision(who="ada"), "why?"),
        (Decision(who="ada", reason="  "), "why?"),
        (Decision(who="ada", reason="x" * 1001), "At most 1000"),
        (Decision(who="ada", reason="a\x00b"), "cannot be printed"),
    ],
)
async def test_a_decision_without_a_reason_is_refused(shop: Shop, decision: Decision, why: str):
    await stuck(shop)

    with pytest.raises(ControlError, match=why.replace("?", r"\?")):
        await shop.delivery.decisions.drop("letters.tell", "a", decision)
    assert len(await shop.delivery.decisions.line("letters.tell", "a")) == 3


async def test_who_drops_for_an_unknown_consumer_is_told_who_there_is(shop: Shop):
    with pytest.raises(ControlError, match="no consumer of this process. There are: letters.tell"):
        await shop.delivery.decisions.drop("letters.hear", "a", ADA)


async def test_a_replay_is_written_down_and_has_each_effect_once(shop: Shop):
    await stuck(shop, keys="ab", each=2)
    shop.letters_service.broken.clear()
    decisions = shop.delivery.decisions

    assert await decisions.replay("letters.tell", None, Decision(who="ada")) == 4
    assert await decisions.replay("letters.tell", "a", Decision(who="ada")) in (0, 1, 2)
    await shop.settle_all()
    assert await decisions.replay("letters.tell", None, Decision(who="ada")) == 0

    assert sorted(await shop.texts()) == ["a placed 0", "a placed 1", "b placed 0", "b placed 1"]
    assert [(one["key"], one["messages"]) for one in await audits(shop)][:2] == [("a", 2), ("b", 2)]


async def test_each_consumer_tells_what_it_made_of_an_event(shop: Shop):
    fates = shop.delivery.fates
    await record(shop, placed("good"), placed("bad", 1), placed("bad", 2))
    shop.letters_service.broken.add("bad")
    await shop.delivery.settle()

    async def told(position: int) -> dict[str, str]:
        row = await fates.row("orders", str(position))
        return {fate.consumer: fate.state for fate in await fates.of("orders", row)}

    good, first, second = await positions(shop)
    early = [await told(position) for position in (good, first, second)]
    await shop.settle_all()
    late = [await told(position) for position in (first, second)]
    await shop.delivery.decisions.drop("letters.tell", "bad", ADA, first)
    dropped = await told(first)

    assert early == [
        {"letters.tell": "handled", "orders.see_own": "handled"},
        {"letters.tell": "retrying", "orders.see_own": "handled"},
        {"letters.tell": "queued", "orders.see_own": "handled"},
    ]
    assert late == [
        {"letters.tell": "parked", "orders.see_own": "handled"},
        {"letters.tell": "queued", "orders.see_own": "handled"},
    ]
    assert dropped == {"letters.tell": "dropped", "orders.see_own": "handled"}


async def test_what_nobody_has_come_to_yet_is_told_so(run_shop: Run):
    async with run_shop(deliver=False) as shop:
        await record(shop, placed("a"))
        [position] = await positions(shop)
        row = await shop.delivery.fates.row("orders", str(position))

        fates = await shop.delivery.fates.of("orders", row)

        assert {fate.state for fate in fates} == {"not reached"}


async def test_a_row_is_told_with_all_its_columns_by_position_and_by_id(shop: Shop):
    await record(shop, placed("a", 5))
    [(position, id_)] = await shop.rows("orders", "select position, id from outgrow_journal")

    by_position = await shop.delivery.fates.row("orders", str(position))
    by_id = await shop.delivery.fates.row("orders", id_)

    assert by_position == by_id
    assert (by_id.kind, by_id.type, by_id.key) == ("event", "orders.OrderPlaced", "a")
    assert by_id.body == {"order_id": "a", "cents": 5}
    assert by_id.caller["kind"] == "system"


@pytest.mark.parametrize("wanted", ["9999", "no-id", "9" * 30, "-1", "½"])
async def test_a_row_that_is_not_there_is_said(shop: Shop, wanted: str):
    with pytest.raises(ControlError, match="has no row with the"):
        await shop.delivery.fates.row("orders", wanted)


async def test_a_history_tells_all_under_a_key_the_newest_first(shop: Shop):
    await record(shop, placed("a", 1), placed("b", 2), placed("a", 3))

    page = await shop.delivery.histories.page("orders", key="a")

    assert [row.body["cents"] for row in page.rows] == [3, 1]
    assert page.before is None
    assert {row.who for row in page.rows} == {"system outgrow"}


async def test_a_history_follows_one_request_through_the_services(shop: Shop):
    await shop.orders.place("a", 5)
    await shop.settle_all()
    [order] = (await shop.delivery.histories.page("orders", key="a")).rows

    told = await shop.delivery.histories.page("letters", correlation_id=order.correlation_id)

    [letter] = told.rows
    assert letter.type == "letters.Written"
    assert letter.cause == f"{order.id}/letters.tell"


async def test_a_long_journal_is_looked_through_page_by_page(shop: Shop, monkeypatch):
    monkeypatch.setattr(histories, "SCANNED_ROWS_MAX", 4)
    await record(shop, placed("a", 0), *(Noted(text=str(n)) for n in range(10)), placed("a", 1))

    pages, before = 0, None
    found: list[Any] = []
    while True:
        page = await shop.delivery.histories.page("orders", key="a", before=before)
        pages, before = pages + 1, page.before
        found += page.rows
        if before is None:
            break

    assert [row.body["cents"] for row in found] == [1, 0]
    assert pages == 3


async def test_an_empty_journal_has_a_history_with_an_end(shop: Shop):
    page = await shop.delivery.histories.page("letters", key="a")

    assert (page.rows, page.before) == ([], None)


async def test_bodies_of_a_history_are_told_up_to_a_limit(shop: Shop, monkeypatch):
    monkeypatch.setattr(histories, "BODIES_BYTES_MAX", 60)
    await record(shop, *(placed("a", n) for n in range(5)))
    before, found = None, []
    while True:
        page = await shop.delivery.histories.page("orders", key="a", before=before)
        assert len(page.rows) <= 2
        found += page.rows
        before = page.before
        if before is None:
            break

    assert [row.body["cents"] for row in found] == [4, 3, 2, 1, 0]


async def test_a_history_of_nobody_is_refused(shop: Shop):
    with pytest.raises(ControlError, match="whose history"):
        await shop.delivery.histories.page("orders")
    with pytest.raises(ControlError, match="'cellar' has no journal in this process"):
        await shop.delivery.histories.page("cellar", key="a")
