"""Opening a database that cannot be a store: what is in the way, and what to do."""

from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest

from outgrow.errors import StoreRefused
from outgrow.store import Schema, Transaction
from outgrow.testing import PostgresServer


async def test_a_role_that_may_make_no_tables_is_told_so(open_at: Any, postgres_url: str) -> None:
    elsewhere = postgres_url.replace(urlsplit(postgres_url).path, "/postgres", 1)

    with pytest.raises(StoreRefused, match="outgrow store create"):
        await open_at(url=elsewhere)


async def test_a_wrong_password_is_told_with_what_to_do(
    open_at: Any, outgrow_postgres: PostgresServer
) -> None:
    url = (await outgrow_postgres.database()).replace(outgrow_postgres._password, "wrong")

    with pytest.raises(StoreRefused, match="the password is right") as refused:
        await open_at(url=url)
    assert "wrong" not in str(refused.value)


@pytest.mark.parametrize("is_open", [True, False])
async def test_positions_go_on_behind_what_another_server_may_have_given(
    is_open: bool, open_at: Any, admin: Any, postgres_url: str
) -> None:
    """A server that recovered to a point in time is another one, by its timeline."""
    table = "create table outgrow_journal (position integer primary key autoincrement, n integer)"
    schemas = [Schema("journal", 1, f"{table};", {})]
    store = await open_at(schemas=schemas)

    async def add(tx: Transaction) -> int:
        ((position,),) = await tx.own(
            "insert into outgrow_journal (n) values (1) returning position"
        )
        return int(position)

    assert [await store.transact(add) for _ in range(3)] == [1, 2, 3]
    raw = await asyncpg.connect(postgres_url)
    await raw.execute(
        "update outgrow_meta set value = regexp_replace(value, '/.*', '/00000000') "
        "where name = 'server'"
    )
    name = await raw.fetchval("select current_database()")
    await raw.close()
    await admin.execute(
        "select pg_terminate_backend(pid) from pg_stat_activity where datname = $1", name
    )
    if not is_open:
        await store.close()
        store = await open_at(schemas=schemas)

    first = await store.transact(add)
    assert first == 1_000_004
    assert await store.transact(add) == first + 1
