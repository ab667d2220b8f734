"""Backups of stores in PostgreSQL, by its own programs."""

from __future__ import annotations

import asyncio
import json
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest

from outgrow.clock import SystemClock
from outgrow.errors import StoreInUse, StoreOfAnother, StoreRefused, StoreUnreadable
from outgrow.journal import SCHEMA
from outgrow.process.backups import Stores, note_of
from outgrow.process.places import Places
from outgrow.store import Store, Transaction, open_store
from outgrow.testing import PostgresServer
from outgrow.topology import variable

JOURNALED = (
    "insert into outgrow_journal (id, kind, type, schema, key, partition, correlation_id, trace,"
    " caller, recorded_at, body) values (?, 'event', 'orders.Placed', 1, 'a', 1, 'c', 't', '{}',"
    " '2030-01-01T00:00:00.000000Z', '{}') returning position"
)


class Shop:
    """An application of two services; the store of one is in PostgreSQL."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.patch = patch
        (folder / "outgrow.toml").write_text(
            '[app]\nname = "shop"\nservices = ["orders", "mail"]\n'
        )
        for service in ("orders", "mail"):
            (folder / f"{service}.py").write_text("")

    def stores(self, url: str) -> Stores:
        self.patch.setenv(variable("orders"), url)
        return Stores(Places.read(self.folder / "outgrow.toml", None, ""))

    async def open(self, where: Path | str, service: str = "orders") -> Store:
        clock = SystemClock()
        return await open_store(
            where, application="shop", service=service, clock=clock, schemas=[SCHEMA]
        )


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    return Shop(tmp_path, monkeypatch)


async def note(tx: Transaction, name: str) -> int:
    ((position,),) = await tx.own(JOURNALED, (name,))
    return int(position)


async def rows(url: str, sql: str) -> list[Any]:
    connection = await asyncpg.connect(url)
    try:
        return [tuple(row) for row in await connection.fetch(sql)]
    finally:
        await connection.close()


def tell(_done: int, _total: int) -> None:
    pass


async def test_a_database_is_dumped_while_it_is_written_and_fills_an_empty_one(
    shop: Shop, outgrow_postgres: PostgresServer, tmp_path: Path
) -> None:
    url, other = await outgrow_postgres.database(), await outgrow_postgres.database()
    file = tmp_path / "kept" / "orders.dump"
    async with await shop.open(url) as store:
        for name in ("a", "b"):
            await store.transact(note, name)
        writing = asyncio.get_running_loop().create_task(_write(store))
        made = await shop.stores(url).back_up("orders", file, tell)
        writing.cancel()
        await asyncio.wait([writing])

    assert (made.kind, made.application, made.service) == ("pg_dump", "shop", "orders")
    assert made.journal_position >= 2
    assert json.loads(note_of(file).read_bytes())["sha256"] == made.sha256

    restored = await shop.stores(other).restore("orders", file)

    assert restored.aside is None
    ((count, last),) = await rows(other, "select count(*), max(position) from outgrow_journal")
    assert 2 <= made.journal_position <= last == count
    async with await shop.open(other) as store:
        assert await store.transact(note, "after") > last + 900_000


@pytest.mark.parametrize("word", ["password", "%70assword"])
async def test_a_password_stands_on_no_command_line(
    word: str,
    shop: Shop,
    outgrow_postgres: PostgresServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    urls = [await outgrow_postgres.database() for _ in range(2)]
    login = urlsplit(urls[0])
    user, password = login.username, outgrow_postgres._password
    assert password
    first, second = (
        f"postgresql://{urlsplit(url).path}?{urlsplit(url).query}&user={user}&{word}={password}"
        for url in urls
    )
    await (await shop.open(first)).close()
    commands = []
    run = subprocess.run

    def listen(command: list[str], **options: Any) -> Any:
        commands.append(command)
        return run(command, **options)

    monkeypatch.setattr(subprocess, "run", listen)
    await shop.stores(first).back_up("orders", tmp_path / "orders.dump", tell)
    await shop.stores(second).restore("orders", tmp_path / "orders.dump")

    assert {Path(command[0]).name for command in commands} == {"pg_dump", "pg_restore", "psql"}
    assert not [command for command in commands if password in " ".join(command)]


async def _write(store: Store) -> None:
    number = 0
    while True:
        await store.transact(note, f"more {number}")
        number += 1


async def test_the_journal_goes_on_behind_what_others_have_heard(
    shop: Shop, outgrow_postgres: PostgresServer, tmp_path: Path
) -> None:
    url, other = await outgrow_postgres.database(), await outgrow_postgres.database()
    async with await shop.open(url) as store:
        await store.transact(note, "a")
    await shop.stores(url).back_up("orders", tmp_path / "dump", tell)
    mail = tmp_path / ".outgrow" / "store" / "mail.sqlite3"
    async with await shop.open(mail, "mail") as store:
        await store.transact(_hear, 7_000_000)

    restored = await shop.stores(other).restore("orders", tmp_path / "dump")

    assert [tuple(one) for one in restored.ahead] == [("mail", "mail.hear", 7_000_000)]
    async with await shop.open(other) as store:
        assert await store.transact(note, "b") == 7_000_001


async def _hear(tx: Transaction, position: int) -> None:
    await tx.own("insert into outgrow_highwater values ('mail.hear', 'orders', 1, ?)", (position,))


async def test_a_database_that_is_not_empty_or_in_use_is_not_filled(
    shop: Shop, outgrow_postgres: PostgresServer, tmp_path: Path
) -> None:
    url = await outgrow_postgres.database()
    async with await shop.open(url) as store:
        await store.transact(note, "a")
        stores = shop.stores(url)
        await stores.back_up("orders", tmp_path / "dump", tell)
        with pytest.raises(StoreInUse, match="Stop the application first"):
            await stores.restore("orders", tmp_path / "dump")
    with pytest.raises(StoreRefused, match=r"it has \d+ tables, and a dump is restored into an"):
        await stores.restore("orders", tmp_path / "dump")
    assert await rows(url, "select count(*) from outgrow_journal") == [(1,)]


async def test_a_dump_that_cannot_be_restored_leaves_the_database_empty(
    shop: Shop, outgrow_postgres: PostgresServer, tmp_path: Path
) -> None:
    url, other = await outgrow_postgres.database(), await outgrow_postgres.database()
    async with await shop.open(url):
        pass
    file = tmp_path / "dump"
    await shop.stores(url).back_up("orders", file, tell)
    tables = "select count(*) from pg_tables where schemaname = 'public'"

    await rows(other, "create view outgrow_waiting as select 1 as n")  # In the way of a table.
    with pytest.raises(
        StoreRefused, match=r'psql ended with status \d: .*"outgrow_waiting" already'
    ):
        await shop.stores(other).restore("orders", file)
    assert await rows(other, tables) == [(0,)]

    await rows(other, "drop view outgrow_waiting")
    whole = file.read_bytes()
    file.write_bytes(whole[:-500])
    with pytest.raises(StoreUnreadable, match="it is not what was backed up"):
        await shop.stores(other).restore("orders", file)
    assert await rows(other, tables) == [(0,)]

    file.write_bytes(whole)
    await shop.stores(other).restore("orders", file)
    assert await rows(other, tables) != [(0,)]


async def test_the_database_of_another_is_not_dumped(
    shop: Shop, outgrow_postgres: PostgresServer, tmp_path: Path
) -> None:
    url = await outgrow_postgres.database()
    async with await shop.open(url, "mail"):
        pass
    with pytest.raises(StoreOfAnother, match="it belongs to service 'mail' of application 'shop'"):
        await shop.stores(url).back_up("orders", tmp_path / "dump", tell)
    assert not (tmp_path / "dump").exists()
