"""Keys as clients make them up, how long they are remembered, and how many."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from outgrow.calls import using
from outgrow.clock import ManualClock
from outgrow.errors import ArgumentsRefused, KeyReused
from outgrow.journal import Inbox
from tests.journal.conftest import Run
from tests.journal.shop import Shop

GOOD = [
    "k",
    " ",
    "visit 17 — Dune",
    "' or 1=1; drop table outgrow_inbox; --",
    '"}{\\',
    "%s ? $1 :name",
    "عربى",
    "👩‍👩‍👧",  # four signs, held together by two that cannot be seen
    "é",  # two characters: another key than the one of one character
    "x" * 255,
    "\U0001f4d5" * 255,
]
BAD: list[tuple[Any, str]] = [
    ("", "it has 0 characters"),
    ("x" * 256, "it has 256 characters"),
    ("a\x00b", r"it holds '\x00' at place 1"),
    ("a\nb", r"it holds '\n' at place 1"),
    ("\x7f", r"it holds '\x7f' at place 0"),
    ("\x85", r"it holds '\x85' at place 0"),
    ("ab\ud83d", r"it holds '\ud83d' at place 2"),
    (7, "it is of type int"),
    (b"k", "it is of type bytes"),
]


async def kept(shop: Shop) -> list[str]:
    rows = await shop.rows("orders", "select key from outgrow_inbox order by position")
    return [key for (key,) in rows]


async def test_any_text_is_a_key_and_comes_back_as_it_was(shop: Shop):
    for n, key in enumerate(GOOD):
        first = await using(shop.orders, key=key).place("a", n)
        assert await using(shop.orders, key=key).place("a", n) == first
        with pytest.raises(KeyReused):
            await using(shop.orders, key=key).place("b", n)

    assert await kept(shop) == GOOD
    assert await shop.orders.count() == len(GOOD)


@pytest.mark.parametrize(("key", "why"), BAD, ids=[ascii(key)[:20] for key, _ in BAD])
async def test_what_cannot_be_a_key_is_refused_before_anything_runs(shop: Shop, key: Any, why: str):
    for command in (shop.orders.place, shop.orders.ask_price):
        client = using(shop.orders, key=key)
        with pytest.raises(ArgumentsRefused) as caught:
            await getattr(client, command.__name__)(1 if command.__name__ == "ask_price" else "a")
        [(place, message)] = caught.value.findings
        assert place == "idempotency key"
        assert why in message
        assert "1 to 255 characters" in message

    assert shop.orders_service.runs == 0
    assert await kept(shop) == []


async def test_a_query_needs_no_key_and_minds_none(shop: Shop):
    assert await using(shop.orders, key="\x00").count() == 0


@pytest.mark.parametrize("command", ["place", "ask_price", "place_two"])
async def test_repeats_at_once_run_their_effect_once(shop: Shop, command: str):
    arguments: tuple[Any, ...] = (7,) if command == "ask_price" else ("a",)
    client = using(shop.orders, key="k")

    async with asyncio.timeout(20):
        outcomes = await asyncio.gather(
            *[getattr(client, command)(*arguments) for _ in range(16)], return_exceptions=True
        )

    assert len({str(outcome) for outcome in outcomes}) == 1
    assert await shop.orders.count() == {"place": 1, "ask_price": 0, "place_two": 3}[command]
    if command == "ask_price":
        assert shop.orders_service.runs == 1  # a plain command is merged, and not undone


async def test_repeats_at_once_with_other_arguments_are_told(shop: Shop):
    client = using(shop.orders, key="k")

    outcomes = await asyncio.gather(
        *[client.place(str(n % 2)) for n in range(10)], return_exceptions=True
    )

    refused = [outcome for outcome in outcomes if isinstance(outcome, KeyReused)]
    assert len(refused) == 5
    assert await shop.orders.count() == 1


async def test_a_key_that_expired_is_free_for_another_command(shop: Shop, clock: ManualClock):
    await using(shop.orders, key="k").place("a", 1)
    clock.advance(24 * 3600)
    await shop.inboxes["orders"].prune()

    await using(shop.orders, key="k").place("b", 2)

    assert await shop.orders.count() == 2


async def test_the_house_is_kept_once_a_second(shop: Shop, clock: ManualClock):
    """Nobody has to ask for it: the delivery forgets by itself."""
    for n in range(300):
        await using(shop.orders, key=f"k{n}").place("a")
    clock.advance(24 * 3600 + 1)
    async with asyncio.timeout(20):
        while await kept(shop):
            clock.advance(1)
            await shop.delivery.settle()


async def test_keys_are_forgotten_in_the_order_of_their_expiry(run_shop: Run, clock: ManualClock):
    async with run_shop(deliver=False) as shop:
        for n in range(4):
            await using(shop.orders, key=f"k{n}").place("a")
            clock.advance(3600)
        clock.advance(22 * 3600)

        assert await shop.inboxes["orders"].prune() == 3
        assert await kept(shop) == ["k3"]


async def test_repeats_do_not_push_out_what_is_remembered(shop: Shop):
    """In PostgreSQL a repeat draws a position and leaves no row."""
    inbox = Inbox(shop.stores["orders"], rows_max=20)
    for n in range(20):
        await using(shop.orders, key=f"k{n}").place("a")
    for _ in range(3):
        for n in range(20):
            await using(shop.orders, key=f"k{n}").place("a")

    assert await inbox.prune() == 0
    assert (await inbox.statistics())["replies"] == 20
    await using(shop.orders, key="one more").place("a")
    assert await inbox.prune() == 1
    assert await kept(shop) == [*(f"k{n}" for n in range(1, 20)), "one more"]


async def test_the_statistics_tell_how_much_is_remembered_and_the_limits(shop: Shop):
    await using(shop.orders, key="k").place("a")

    assert await shop.delivery.inboxes() == {
        "orders": {"replies": 1, "replies_max": 1_000_000, "keep_seconds": 86_400},
        "letters": {"replies": 0, "replies_max": 1_000_000, "keep_seconds": 86_400},
    }
