"""
17. An event that its handler cannot bear: it is parked, later keys flow, those of its own key wait
in order, and a replay after the fix has each effect once.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from outgrow.calls import using
from outgrow.journal.consumers.waiting import ATTEMPTS_MAX, Waiting
from outgrow.store import Transaction
from tests.journal.conftest import Run
from tests.journal.shop import Shop

CONSUMER = "letters.tell"


def of(key: str, count: int) -> list[str]:
    return [f"{key} placed {n}" for n in range(count)]


async def place(shop: Shop, key: str, *cents: int) -> None:
    for n in cents:
        await using(shop.orders, key=f"{key} {n}").place(key, n)


async def parked(shop: Shop) -> list[str]:
    (told,) = [s for s in await shop.delivery.statistics() if s.consumer == CONSUMER]
    return list(told.parked)


async def texts_of(shop: Shop, key: str) -> list[str]:
    return [text for text in await shop.texts() if text.startswith(f"{key} ")]


async def test_a_poisoned_event_is_parked_and_others_flow(shop: Shop) -> None:
    shop.letters_service.broken = {"bad"}
    await place(shop, "bad", 0)
    await place(shop, "good", 0, 1)
    await place(shop, "bad", 1, 2)
    await shop.settle_all()

    assert await parked(shop) == ["bad"]
    assert await texts_of(shop, "good") == of("good", 2)
    assert await texts_of(shop, "bad") == []
    assert shop.letters_service.attempts == ATTEMPTS_MAX + 2


@pytest.mark.parametrize("text", ["no such file: \udcff", "NUL: \0"], ids=["surrogate", "NUL"])
async def test_an_event_whose_error_no_store_can_keep_is_parked_all_the_same(
    shop: Shop, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    tell = shop.letters_service.tell

    async def fail(tx: Transaction, event: Any) -> None:
        if event.order_id == "bad":
            raise ValueError(text)
        await tell(tx, event)

    for subscription in shop.delivery._consumers:
        if subscription.name == CONSUMER:
            monkeypatch.setattr(subscription, "_handle", fail)
    await place(shop, "bad", 0)
    await place(shop, "good", 0)
    await shop.settle_all()

    assert await parked(shop) == ["bad"]
    assert await texts_of(shop, "good") == of("good", 1)


async def test_a_replay_after_the_fix_has_each_effect_once_and_in_order(shop: Shop) -> None:
    shop.letters_service.broken = {"bad"}
    await place(shop, "bad", 0, 1, 2)
    await shop.settle_all()
    shop.letters_service.broken = set()

    for _ in range(3):
        await shop.delivery.replay(CONSUMER, "bad")
        await shop.settle_all()
    await place(shop, "bad", 3)
    await shop.settle_all()

    assert await texts_of(shop, "bad") == of("bad", 4)
    assert await parked(shop) == []


async def test_a_replay_before_the_fix_parks_it_again_and_costs_nothing(shop: Shop) -> None:
    shop.letters_service.broken = {"bad"}
    await place(shop, "bad", 0, 1)
    await shop.settle_all()
    await shop.delivery.replay(CONSUMER, "bad")
    await shop.settle_all()

    assert await parked(shop) == ["bad"]
    assert await texts_of(shop, "bad") == []


async def test_what_is_parked_is_parked_after_a_restart_and_replayed_by_the_next_process(
    run_shop: Run, tmp_path: Path
) -> None:
    async with run_shop() as shop:
        shop.letters_service.broken = {"bad"}
        await place(shop, "bad", 0, 1)
        await shop.settle_all()
    async with run_shop() as shop:
        await place(shop, "bad", 2)
        await place(shop, "good", 0)
        await shop.settle_all()
        assert await parked(shop) == ["bad"]
        assert await texts_of(shop, "bad") == []
        await shop.delivery.replay(CONSUMER, "bad")
        await shop.settle_all()
        assert await texts_of(shop, "bad") == of("bad", 3)
        assert await texts_of(shop, "good") == of("good", 1)


@pytest.mark.parametrize("at_once", [2, 5])
async def test_replays_at_once_have_each_effect_once(shop: Shop, at_once: int) -> None:
    shop.letters_service.broken = {"bad"}
    await place(shop, "bad", 0, 1, 2)
    await shop.settle_all()
    shop.letters_service.broken = set()
    for _ in range(at_once):
        await shop.delivery.replay(CONSUMER, "bad")
    await shop.settle_all()

    assert await texts_of(shop, "bad") == of("bad", 3)


async def test_a_replay_that_is_not_once_only_is_found_out(
    run_shop: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was replayed is still noted as waiting, so the next process handles it again."""

    async def forget(*_) -> None:
        pass

    monkeypatch.setattr(Waiting, "write_removed", forget)
    async with run_shop() as shop:
        shop.letters_service.broken = {"bad"}
        await place(shop, "bad", 0)
        await shop.settle_all()
        shop.letters_service.broken = set()
        await shop.delivery.replay(CONSUMER, "bad")
        await shop.settle_all()
    async with run_shop() as shop:
        await shop.settle_all()
        assert len(await texts_of(shop, "bad")) == 2
