"""
What is wrong from outside is refused with a typed error that names the place and the way out, and
nothing is lost: on both stores. What has its test elsewhere stands in README.md beside this.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from outgrow.clock import ManualClock
from outgrow.errors import (
    EventTooLarge,
    StoreError,
    StoreOfAnother,
    StoreUnreachable,
    StoreUnreadable,
)
from outgrow.journal import SCHEMA
from outgrow.journal.consumers.waiting import ATTEMPTS_MAX
from outgrow.store import Store, Transaction, open_store
from outgrow.testing import PostgresServer
from tests.journal.conftest import Run
from tests.journal.orders import OrderNoted, OrderPlaced
from tests.journal.shop import Shop


async def place(shop: Shop, *order_ids: str) -> None:
    async def unit(tx: Transaction) -> None:
        for order_id in order_ids:
            await tx.record(OrderPlaced(order_id=order_id, cents=1))

    await shop.stores["orders"].transact(unit)


async def change(where: Path | str, sql: str) -> None:
    """As somebody else's program would."""
    if isinstance(where, Path):
        with closing(sqlite3.connect(where)) as raw, raw:
            raw.execute(sql)
    else:
        connection = await asyncpg.connect(where)
        await connection.execute(sql)
        await connection.close()


async def opened(where: Path | str, service: str = "orders") -> Store:
    return await open_store(
        where, application="shop", service=service, clock=ManualClock(), schemas=[SCHEMA]
    )


@pytest.fixture
async def where(store_kind: str, tmp_path: Path, outgrow_postgres: PostgresServer) -> Path | str:
    """Where a store is that the service orders has made."""
    path = tmp_path / "orders.sqlite3"
    place: Path | str = path if store_kind == "sqlite" else await outgrow_postgres.database()
    await (await opened(place)).close()
    return place


def name_of(where: Path | str) -> str:
    """What a message must name."""
    return str(where) if isinstance(where, Path) else urlsplit(where).path.strip("/")


async def test_a_journal_of_a_newer_version_is_refused_and_left_as_it_is(where: Path | str) -> None:
    await change(where, "update outgrow_meta set value = '99' where name = 'schema:journal'")
    with pytest.raises(StoreUnreadable, match="99") as caught:
        await opened(where)
    assert name_of(where) in str(caught.value)
    assert "newer" in str(caught.value)

    before = f"update outgrow_meta set value = '{SCHEMA.version}' where name = 'schema:journal'"
    await change(where, before)
    await (await opened(where)).close()


async def test_the_store_of_another_service_is_refused_and_left_as_it_is(where: Path | str) -> None:
    with pytest.raises(StoreOfAnother, match="'orders'") as caught:
        await opened(where, "letters")
    assert name_of(where) in str(caught.value)
    await (await opened(where)).close()


@pytest.mark.parametrize("wrong", ["password", "role", "database"])
async def test_who_is_not_let_in_by_the_server_is_told_without_the_password(
    wrong: str, outgrow_postgres: PostgresServer
) -> None:
    parts = urlsplit(await outgrow_postgres.database())
    user, _, password = parts.netloc.rpartition("@")[0].partition(":")
    role = "stranger" if wrong == "role" else user
    secret = "wrong" if wrong == "password" else password
    path = "/nothing" if wrong == "database" else parts.path
    url = urlunsplit(parts._replace(netloc=f"{role}:{secret}@", path=path))

    with pytest.raises(StoreError) as caught:
        await opened(url)

    text = str(caught.value)
    assert not isinstance(caught.value, StoreUnreachable), "asking again does not help"
    assert secret not in text
    assert (role if wrong != "database" else "nothing") in text


async def test_an_event_that_is_too_large_is_refused_and_its_neighbours_are_recorded(
    shop: Shop,
) -> None:
    async def place_and_note(tx: Transaction) -> None:
        await tx.record(OrderPlaced(order_id="a", cents=1))
        await tx.record(OrderNoted(order_id="a", note="x" * 300_000))

    with pytest.raises(EventTooLarge, match="262144"):
        await shop.stores["orders"].transact(place_and_note)
    await place(shop, "b")
    await shop.settle_all()
    assert await shop.texts() == ["b placed 1"]


async def test_events_around_one_of_an_unknown_type_are_handled(run_shop: Run) -> None:
    """As a version that was taken back has recorded it: it stays, for whoever knows it."""
    async with run_shop(deliver=False) as shop:
        await place(shop, "a", "strange", "b")

        async def rename(tx: Transaction) -> None:
            await tx.own("update outgrow_journal set type = 'orders.Strange' where key = 'strange'")

        await shop.stores["orders"].transact(rename)
    async with run_shop() as shop:
        await shop.settle_all()
        assert sorted(await shop.texts()) == ["a placed 1", "b placed 1"]


async def test_what_waits_and_is_of_an_unknown_type_is_parked_with_its_name(run_shop: Run) -> None:
    async with run_shop() as shop:
        shop.letters_service.failures = 1
        await place(shop, "a")
        await shop.delivery.settle()

        async def rename(tx: Transaction) -> None:
            await tx.own(
                "update outgrow_waiting set message = "
                "replace(message, 'orders.OrderPlaced', 'orders.Strange')"
            )

        await shop.stores["letters"].transact(rename)
    async with run_shop() as shop:
        await place(shop, "b")
        await shop.settle_all()
        assert await shop.texts() == ["b placed 1"]
        keys, _ = await shop.delivery.overview.waiting()
        (told,) = [one for one in keys if one.key == "a"]
        assert (told.state, told.attempts) == ("parked", ATTEMPTS_MAX)
        assert "orders.Strange" in told.error


async def test_a_body_that_is_no_json_parks_its_key_alone(run_shop: Run) -> None:
    async with run_shop(deliver=False) as shop:
        await place(shop, "bad", "good", "bad")

        async def spoil(tx: Transaction) -> None:
            await tx.own("update outgrow_journal set body = '{' where key = 'bad'")

        await shop.stores["orders"].transact(spoil)
    async with run_shop() as shop:
        await shop.settle_all()
        assert await shop.texts() == ["good placed 1"]
        keys, _ = await shop.delivery.overview.waiting()
        assert {(one.key, one.state) for one in keys if one.consumer == "letters.tell"} == {
            ("bad", "parked")
        }
