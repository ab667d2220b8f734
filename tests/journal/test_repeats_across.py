"""One command under one key, given to several processes over one store at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from outgrow.calls import using
from outgrow.clock import ManualClock
from outgrow.errors import KeyReused
from outgrow.testing import PostgresServer
from tests.journal.orders import OrdersService, Parcel, TooExpensive
from tests.journal.shop import Shop
from tests.journal.test_replicas import all_settled, divided, running

PROCESSES = 3


@pytest.fixture
async def shops(
    tmp_path: Path, clock: ManualClock, outgrow_postgres: PostgresServer
) -> AsyncIterator[list[Shop]]:
    urls = {service: await outgrow_postgres.database() for service in ("orders", "letters")}
    async with AsyncExitStack() as stack:
        some = [Shop(tmp_path, clock, urls) for _ in range(PROCESSES)]
        for shop in some:
            await stack.enter_async_context(running(shop))
        await divided(*some)
        yield some


async def everywhere(shops: list[Shop], key: str, method: str, *arguments: Any) -> list[Any]:
    """What each of *shops* answers to the same command under the same key at once."""
    calls = [getattr(using(shop.orders, key=key), method)(*arguments) for shop in shops]
    return await asyncio.gather(*calls, return_exceptions=True)


async def test_a_command_has_one_effect_and_all_get_its_first_reply(shops: list[Shop]) -> None:
    for n in range(25):
        replies = await everywhere(shops, f"k{n}", "place", f"o{n}", n)
        assert replies[0].order_id == f"o{n}"
        assert replies == [replies[0]] * PROCESSES
    rows = await shops[0].rows("orders", "select order_id from orders order by number")
    assert sorted(rows) == sorted((f"o{n}",) for n in range(25))
    await all_settled(*shops)
    assert sorted(await shops[0].texts()) == sorted(f"o{n} placed {n}" for n in range(25))


async def test_what_runs_into_the_effect_of_another_gets_its_reply(shops: list[Shop]) -> None:
    for n in range(15):
        replies = await everywhere(shops, f"k{n}", "place_unique", f"o{n}")
        assert replies[0].order_id == f"o{n}"
        assert replies == [replies[0]] * PROCESSES


async def test_a_problem_is_the_one_reply_too(shops: list[Shop]) -> None:
    replies = await everywhere(shops, "k", "place", "o", 5000)
    assert [(type(one), one.cents) for one in replies] == [(TooExpensive, 5000)] * PROCESSES
    assert await shops[0].rows("orders", "select count(*) from orders") == [(0,)]


async def test_other_arguments_at_the_same_time_are_refused(shops: list[Shop]) -> None:
    outcomes = await asyncio.gather(
        *(using(s.orders, key="k").place("o", n) for n, s in enumerate(shops)),
        return_exceptions=True,
    )
    assert sum(isinstance(one, KeyReused) for one in outcomes) == PROCESSES - 1
    assert await shops[0].rows("orders", "select count(*) from orders") == [(1,)]


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The runs of a plain command that answers each another number, when all are at it."""
    together = asyncio.Barrier(PROCESSES)
    begun: list[int] = []

    async def weigh(self: OrdersService, text: str) -> Parcel:
        begun.append(len(begun))
        mine = begun[-1]
        await together.wait()
        await self.place("weighed", 1)  # under a derived key
        return Parcel(grams=float(text) + mine)

    monkeypatch.setattr(OrdersService, "weigh_plainly", weigh)
    return begun


async def test_a_plain_command_runs_in_each_and_all_get_what_was_kept_first(
    runs: list[int], shops: list[Shop]
) -> None:
    replies = await everywhere(shops, "k", "weigh_plainly", "1")
    assert replies[0].grams >= 1
    assert replies == [replies[0]] * PROCESSES
    assert len(runs) == PROCESSES
    assert await shops[0].rows("orders", "select count(*) from orders") == [(1,)]
    assert await using(shops[0].orders, key="k").weigh_plainly("1") == replies[0]


async def test_two_place_their_parts_once(shops: list[Shop]) -> None:
    replies = await everywhere(shops, "k", "place_two", "o")
    assert replies == [replies[0]] * PROCESSES
    assert await shops[0].rows("orders", "select count(*) from orders") == [(3,)]
