"""Several processes over one store, here several deliveries in one process."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from outgrow.clock import ManualClock
from outgrow.journal.consumers import subscription
from outgrow.journal.replicas import EVERYTHING, Superseded
from outgrow.testing import PostgresServer
from tests.journal.orders import OrderPlaced
from tests.journal.shop import Shop

LEASE_SECONDS = 3.0
WAIT_SECONDS = 20

Start = Callable[..., Any]


@pytest.fixture
async def start(
    tmp_path: Path, clock: ManualClock, outgrow_postgres: PostgresServer
) -> AsyncIterator[Start]:
    """``await start()``: another process of the shop, over the same databases."""
    urls = {service: await outgrow_postgres.database() for service in ("orders", "letters")}
    async with AsyncExitStack() as stack:

        async def another() -> Shop:
            shop = Shop(tmp_path, clock, urls, lease_seconds=LEASE_SECONDS)
            shop.ending = await stack.enter_async_context(AsyncExitStack())  # type: ignore[attr-defined]
            await shop.ending.enter_async_context(running(shop))  # type: ignore[attr-defined]
            return shop

        yield another


@asynccontextmanager
async def running(shop: Shop) -> AsyncIterator[None]:
    await shop.open()
    async with asyncio.TaskGroup() as group:
        shop.task = group.create_task(shop.delivery.run())  # type: ignore[attr-defined]
        yield
        shop.delivery.stop()
    await shop.close()


async def end(shop: Shop) -> None:
    """Let a process end in order."""
    await shop.ending.aclose()  # type: ignore[attr-defined]


async def cut_off(shop: Shop) -> None:
    """Let a process end as a kill does: it gives nothing up, and its connections are gone."""
    shop.task.cancel()  # type: ignore[attr-defined]
    await asyncio.wait([shop.task])  # type: ignore[attr-defined]


async def until(condition: Callable[[], Any]) -> None:
    async with asyncio.timeout(WAIT_SECONDS):
        while not condition():
            await asyncio.wait([asyncio.get_running_loop().create_future()], timeout=0.005)


def held(shop: Shop, service: str = "letters") -> frozenset[int]:
    return shop.delivery._posts[service].replica.partitions


def leads(shop: Shop, service: str = "orders") -> bool:
    return shop.delivery._posts[service].replica.leads()


async def divided(*shops: Shop) -> None:
    """Wait until *shops*, and nobody else, have divided the work."""

    def is_so() -> bool:
        shares = [held(shop, service) for shop in shops for service in ("orders", "letters")]
        return (
            sum(map(len, shares)) == 2 * 32
            and all(len(share) >= 32 // len(shops) for share in shares)
            and sum(leads(shop) for shop in shops) == 1
        )

    await until(is_so)


async def record(shop: Shop, *events: tuple[str, int]) -> None:
    async def unit(tx: Any) -> None:
        for key, n in events:
            await tx.record(OrderPlaced(order_id=key, cents=n))

    await shop.stores["orders"].transact(unit)


async def all_settled(*shops: Shop) -> None:
    """Wait until nothing is left to do for any of them."""
    for _ in range(2):  # What one has done may be another's to go on with.
        for shop in shops:
            while (seconds := await shop.delivery.settle()) is not None:
                shop.clock.advance(seconds)  # type: ignore[attr-defined]


def check(texts: list[str], expected: dict[str, int]) -> None:
    """Each event once, and those of each key in their order."""
    for key, count in expected.items():
        assert [t for t in texts if t.startswith(f"{key} ")] == [
            f"{key} placed {n}" for n in range(count)
        ]
    assert len(texts) == sum(expected.values())


async def test_what_another_has_sent_before_it_was_heard_of_is_sent_before_all_is_settled(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    shops = [await start() for _ in range(2)]
    await divided(*shops)
    (leader,), (other,) = ([s for s in shops if leads(s) is so] for so in (True, False))
    replica = leader.delivery._posts["orders"].replica
    monkeypatch.setattr(type(replica), "has_others", False)
    monkeypatch.setattr(replica, "_hear", lambda _: None)

    async def unit(tx: Any) -> None:
        await tx.send(other.letters.write, "hello")

    await other.stores["orders"].transact(unit)
    await leader.delivery.settle()

    assert await leader.texts() == ["hello"]


async def test_handlers_are_divided_and_each_event_has_one_effect(start: Start) -> None:
    shops = [await start() for _ in range(3)]
    await divided(*shops)
    shares = [held(shop) for shop in shops]
    assert frozenset.union(*shares) == EVERYTHING

    counts: dict[str, int] = {}
    chance = random.Random(1)
    for _ in range(150):
        key = f"k{chance.randrange(20)}"
        await record(chance.choice(shops), (key, counts.get(key, 0)))
        counts[key] = counts.get(key, 0) + 1
    await all_settled(*shops)

    check(await shops[0].texts(), counts)
    handled = [
        one.handled
        for shop in shops
        for one in await shop.delivery.statistics()
        if one.consumer == "letters.tell"
    ]
    assert sum(handled) == 150
    assert all(handled)


async def test_a_process_that_joins_leaves_or_dies_loses_and_doubles_nothing(start: Start) -> None:
    chance = random.Random(2)
    counts: dict[str, int] = {}
    shops = [await start() for _ in range(3)]
    await divided(*shops)
    for turn in range(6):
        for _ in range(25):
            key = f"k{chance.randrange(12)}"
            await record(chance.choice(shops), (key, counts.get(key, 0)))
            counts[key] = counts.get(key, 0) + 1
        if turn % 3 == 0:
            shops.append(await start())
        elif turn % 3 == 1:
            await end(shops.pop(0))
        else:
            await cut_off(shops.pop(chance.randrange(len(shops))))
    await divided(*shops)
    await all_settled(*shops)
    check(await shops[0].texts(), counts)


async def believed_wrongly(start: Start) -> None:
    """Two processes that each believe to have all partitions: as if each had been frozen."""
    shops = [await start() for _ in range(2)]
    await divided(*shops)
    for shop in shops:
        _believe_in_all(shop)
    counts = {f"k{n}": 12 for n in range(8)}
    for n in range(12):
        await record(shops[n % 2], *((key, n) for key in counts))
    await all_settled(*shops)
    check(await shops[0].texts(), counts)


async def test_who_believes_in_a_share_of_another_has_no_effect(start: Start) -> None:
    await believed_wrongly(start)


async def test_a_highwater_that_is_not_compared_is_found_out(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    unchecked = subscription._NEXT.replace("and position = ?", "and (position = ? or true)")
    monkeypatch.setattr(subscription, "_NEXT", unchecked)
    with pytest.raises(AssertionError):
        await believed_wrongly(start)


def _believe_in_all(shop: Shop) -> None:
    for consumer in shop.delivery._consumers:
        if consumer.name == "letters.tell":
            consumer._held = lambda: EVERYTHING
            consumer.wake()


async def test_what_waits_moves_with_its_partition(start: Start) -> None:
    first = await start()
    await divided(first)
    first.letters_service.broken |= {"a", "b", "c", "d", "e"}
    for n in range(2):
        await record(first, *((key, n) for key in "abcdef"))
    await all_settled(first)  # eight attempts each; all five keys are parked
    second = await start()
    await divided(first, second)
    await all_settled(first, second)
    parked = [
        {one.consumer: set(one.parked) for one in await shop.delivery.statistics()}["letters.tell"]
        for shop in (first, second)
    ]
    assert all(parked)
    assert parked[0] | parked[1] == set("abcde")
    assert not parked[0] & parked[1]

    first.letters_service.broken.clear()
    for key in "abcde":  # from whichever process the operator asks
        assert await first.delivery.replay("letters.tell", key) == 2
    # Who has the line hears of it, or looks after a while.
    first.clock.advance(10)  # type: ignore[attr-defined]
    await all_settled(first, second)
    check(await first.texts(), dict.fromkeys("abcdef", 2))


async def test_the_one_that_leads_sends_and_the_next_goes_on(start: Start) -> None:
    shops = [await start() for _ in range(2)]
    await divided(*shops)
    leader = next(shop for shop in shops if leads(shop))
    other = next(shop for shop in shops if not leads(shop))

    async def send(tx: Any, text: str) -> None:
        await tx.send(other.letters.write, text)

    await other.stores["orders"].transact(send, "one")
    await until(lambda: leader.sent)
    await all_settled(*shops)
    assert not other.sent
    await cut_off(leader)
    await other.stores["orders"].transact(send, "two")
    await until(lambda: other.sent)
    await all_settled(other)
    assert await other.texts() == ["one", "two"]


async def test_the_epoch_keeps_a_former_leader_from_committing(start: Start) -> None:
    first = await start()
    await divided(first)
    replica = first.delivery._posts["orders"].replica
    epoch = replica.epoch
    await cut_off(first)  # It is not told that it leads no more.
    second = await start()
    await until(lambda: leads(second))
    assert second.delivery._posts["orders"].replica.epoch == epoch + 1

    async def prune(tx: Any) -> None:
        await tx.own("update outgrow_cursor set position = 77")
        await replica.check(tx)

    with pytest.raises(Superseded):
        await first.stores["orders"].transact(prune)
    assert (
        await second.rows("orders", "select position from outgrow_cursor where position=77") == []
    )


async def test_a_process_alone_on_files_asks_for_nothing(
    tmp_path: Path, clock: ManualClock
) -> None:
    shop = Shop(tmp_path, clock)
    async with running(shop):
        await record(shop, ("a", 0))
        await shop.delivery.settle()
        assert held(shop) == EVERYTHING
        assert leads(shop)
        for table in ("outgrow_lease", "outgrow_share"):
            assert await shop.rows("letters", f"select count(*) from {table}") == [(0,)]
