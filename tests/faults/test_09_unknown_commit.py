"""
9. The server's process behind a connection is killed while it commits, so nobody knows whether it
did: a retry under the same key has one effect, and is given the one reply.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from outgrow.calls import using
from outgrow.errors import OutgrowError
from outgrow.store.postgres.connection import Connection
from outgrow.testing import PostgresServer
from tests.crash.harness import seed
from tests.journal.orders import Receipt
from tests.journal.shop import Shop

COMMANDS = 60


class Killer:
    """Kills the server's side of connections when they commit: before, during, after, or not."""

    def __init__(self, server: PostgresServer, chance: random.Random) -> None:
        self._server = server
        self._chance = chance
        self.killed = {"before": 0, "during": 0, "after": 0}
        self.is_on = True

    async def command(self, original: Any, connection: Connection, sql: str) -> None:
        how = self._chance.choice(["before", "during", "after", "", "", ""])
        if sql != "commit" or not how or not self.is_on:
            await original(connection, sql)
            return
        self.killed[how] += 1
        if how == "before":
            await self._kill(connection)
            await original(connection, sql)
        elif how == "during":
            await asyncio.gather(original(connection, sql), self._kill(connection))
        else:
            await original(connection, sql)
            await self._kill(connection)
            connection.raw.terminate()
            raise ConnectionResetError("the answer never came")

    async def _kill(self, connection: Connection) -> None:
        pid = connection.raw.get_server_pid()
        administrator = await asyncpg.connect(self._server.admin_url)
        try:
            assert await administrator.fetchval("select pg_terminate_backend($1)", pid)
        finally:
            await administrator.close()


@pytest.fixture
async def shop(
    run_shop: Any, store_kind: str, outgrow_postgres: PostgresServer
) -> AsyncIterator[Shop]:
    if store_kind == "sqlite":
        pytest.skip("a commit in a file is known to the process that makes it")
    async with run_shop() as running:
        yield running


async def test_a_retry_under_the_same_key_has_one_effect(
    shop: Shop,
    outgrow_postgres: PostgresServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    killer = Killer(outgrow_postgres, random.Random(seed()))
    original = Connection.command

    async def command(self: Connection, sql: str) -> None:
        await killer.command(original, self, sql)

    monkeypatch.setattr(Connection, "command", command)

    async def place(key: str) -> Receipt:
        while True:  # Most retries are made inside: the key tells what became of a commit.
            try:
                return await using(shop.orders, key=key).place(key, 1)  # type: ignore[no-any-return]
            except OutgrowError:
                continue

    replies: dict[str, Receipt] = {}
    for batch in range(0, COMMANDS, 6):
        keys = [f"k{n}" for n in range(batch, batch + 6)]
        replies |= dict(zip(keys, await asyncio.gather(*map(place, keys)), strict=True))
    killer.is_on = False

    assert all(killer.killed.values())
    orders = await shop.rows("orders", "select order_id, number from orders")
    assert sorted(orders) == sorted((r.order_id, r.number) for r in replies.values())
    for key, reply in replies.items():
        assert await using(shop.orders, key=key).place(key, 1) == reply
    await shop.settle_all()
    assert sorted(await shop.texts()) == sorted(f"{key} placed 1" for key in replies)
