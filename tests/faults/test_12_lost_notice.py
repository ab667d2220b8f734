"""
12. What a process tells the others after a commit is lost: they see it at their next look, within
a second. When it is not lost, nobody needs to look.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from outgrow.clock import ManualClock
from outgrow.journal.consumers import consumer
from outgrow.journal.consumers.consumer import POLL_SECONDS
from outgrow.store.postgres.notices import Notices
from outgrow.testing import PostgresServer
from tests.journal.shop import Shop
from tests.journal.test_replicas import divided, record, running, until

KEYS = [f"k{n}" for n in range(40)]


@pytest.fixture
async def shops(
    tmp_path: Path, clock: ManualClock, outgrow_postgres: PostgresServer
) -> AsyncIterator[list[Shop]]:
    """Two processes of the shop, that have divided the handlers."""
    urls = {service: await outgrow_postgres.database() for service in ("orders", "letters")}
    async with AsyncExitStack() as stack:
        two = [Shop(tmp_path, clock, urls) for _ in range(2)]
        for shop in two:
            await stack.enter_async_context(running(shop))
        await divided(*two)
        for shop in two:
            await shop.delivery.settle()
        yield two


async def is_told(shop: Shop, count: int) -> None:
    """Wait until *count* letters are there, without letting time pass."""
    async with asyncio.timeout(15):
        while len(await shop.texts()) < count:
            pass


async def test_what_is_told_arrives_without_a_look(shops: list[Shop]) -> None:
    await record(shops[0], *((key, 0) for key in KEYS))
    await is_told(shops[0], len(KEYS))
    assert shops[1].letters_service.attempts > 0
    assert shops[0].stores["orders"].statistics()["notices_sent"] >= 1
    assert shops[1].stores["orders"].statistics()["notices_heard"] >= 1


async def test_what_is_lost_is_seen_at_the_next_look(
    shops: list[Shop], clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lose(self: Notices, topics: Collection[str]) -> None:
        del self, topics

    monkeypatch.setattr(Notices, "tell", lose)
    await record(shops[0], *((key, 0) for key in KEYS))
    await until(lambda: shops[0].letters_service.attempts > 0)
    await shops[0].delivery.settle()
    assert 0 < len(await shops[0].texts()) < len(KEYS)
    assert shops[1].letters_service.attempts == 0

    clock.advance(POLL_SECONDS)
    await is_told(shops[0], len(KEYS))
    assert shops[1].letters_service.attempts > 0


@pytest.fixture
def no_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody looks without having been told."""
    monkeypatch.setattr(consumer, "POLL_SECONDS", 1e9)


async def test_notices_without_looks_are_found_out(
    no_looks: None, shops: list[Shop], clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Notices, "tell", lambda *_: None)
    await record(shops[0], *((key, 0) for key in KEYS))
    await shops[0].delivery.settle()
    clock.advance(POLL_SECONDS)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1):
            await is_told(shops[0], len(KEYS))


async def test_notices_are_shared_by_commits_at_full_rate(shops: list[Shop]) -> None:
    async def one(n: int) -> None:
        await record(shops[0], (f"k{n}", 0))

    await asyncio.gather(*map(one, range(200)))
    await is_told(shops[0], 200)
    assert shops[0].stores["orders"].statistics()["notices_sent"] < 200 / 2


async def test_a_lost_line_is_made_anew(shops: list[Shop]) -> None:
    await shops[0].rows("orders", "select 1")
    for service in ("orders", "letters"):
        others: Any = shops[1].stores[service].others
        key = others.key

        async def cut(service: str = service, key: int = key) -> None:
            async def unit(tx: Any) -> None:
                await tx.own(
                    "select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' "
                    "and (cast(classid as bigint) << 32 | cast(objid as bigint)) = ?",
                    (key,),
                )

            await shops[0].stores[service].transact(unit)

        await cut()
        await until(lambda others=others, key=key: others.key not in (0, key))  # type: ignore[misc]
    await divided(*shops)
    await record(shops[0], *((key, 1) for key in KEYS))
    await is_told(shops[0], len(KEYS))
