"""
8. A long writing transaction in another database of the server: the readers of this one do not
wait for it. One in this database makes them wait only if it has drawn a position, and only for it.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest

from outgrow.clock import SystemClock
from outgrow.journal import Outbox
from outgrow.journal.replicas.frontier import WALKED_ROWS_MAX
from outgrow.testing import PostgresServer
from tests.crash.harness import seed
from tests.faults.writers import Follower, Reluctant, Writers, latencies, opened

INSERT = (
    "insert into outgrow_journal (id, kind, type, schema, key, partition, correlation_id, trace, "
    "caller, recorded_at, body) values ($1, 'event', 'orders.OrderPlaced', 1, 'k', 0, '', '', "
    "'{}', '', $1)"
)


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[Any]:
    connection = await asyncpg.connect(url)
    try:
        yield connection
    finally:
        await connection.close()


async def test_a_long_transaction_in_another_database_is_not_waited_for(
    outgrow_postgres: PostgresServer,
) -> None:
    chance = random.Random(seed())
    outbox, other = Reluctant(chance, 0.002, 0.02), Outbox("orders", SystemClock())
    url, elsewhere = await outgrow_postgres.database(), await outgrow_postgres.database()
    async with opened(url, outbox) as store, opened(url, other) as read:
        async with opened(elsewhere, Outbox("orders", SystemClock())):
            pass  # It has a journal too.
        async with connected(elsewhere) as long, asyncio.TaskGroup() as group:
            await long.execute("begin")
            await long.execute(INSERT, "long")
            follower = Follower(read, other)
            following = group.create_task(follower.run())
            writers = Writers([store], chance)
            await writers.run(1.0, count=8)
            missed = await follower.until_seen(set(writers.committed), 5)
            assert not missed  # while the long one is still open
            await long.execute("commit")
            following.cancel()
    times = latencies(writers, follower)
    assert times[len(times) // 2] < 0.5


async def test_one_here_is_waited_for_only_if_it_has_drawn_a_position(
    outgrow_postgres: PostgresServer,
) -> None:
    outbox = Outbox("orders", SystemClock())
    url = await outgrow_postgres.database()
    async with opened(url, outbox) as store, connected(url) as first, connected(url) as second:
        journal = Follower(store, outbox).journal
        await first.execute("create table own (n bigint)")
        await first.execute("begin; insert into own values (1)")
        await second.execute(INSERT, "a")
        assert await journal.end() == 1  # A unit that has written other rows is nobody's gap.

        await first.execute(INSERT, "b")
        await second.execute(INSERT, "c")
        assert await journal.end() == 1
        await second.execute(INSERT, "d")
        assert await journal.end() == 1
        await first.execute("commit")
        assert await journal.end() == 4


@pytest.mark.parametrize("ends", ["commit", "rollback"])
async def test_each_gap_ends_when_who_could_fill_it_has(
    outgrow_postgres: PostgresServer, ends: str
) -> None:
    outbox = Outbox("orders", SystemClock())
    url = await outgrow_postgres.database()
    async with opened(url, outbox) as store, connected(url) as first, connected(url) as second:
        journal = Follower(store, outbox).journal
        await second.execute(INSERT, "a")
        await first.execute("begin")
        await first.execute(INSERT, "b")
        await second.execute(INSERT, "c")
        assert await journal.end() == 1
        await first.execute(ends)
        await second.execute("begin")  # Who came later is not waited for.
        await second.execute(INSERT, "d")
        assert await journal.end() == 3
        await second.execute("rollback")
        assert await journal.end() == 3
        batch = await journal.events(0, {"orders.OrderPlaced"}, 10)
        assert [m.body for m in batch.messages] == ["a", *(["b"] if ends == "commit" else []), "c"]


async def test_a_prepared_transaction_is_waited_for_under_its_new_name() -> None:
    server = PostgresServer(settings={"max_prepared_transactions": "4"})
    try:
        outbox = Outbox("orders", SystemClock())
        url = await server.database()
        async with opened(url, outbox) as store, connected(url) as first, connected(url) as second:
            journal = Follower(store, outbox).journal
            await second.execute(INSERT, "a")
            assert await journal.end() == 1
            await first.execute("begin")
            await first.execute(INSERT, "b")
            await second.execute(INSERT, "c")
            assert await journal.end() == 1  # It is known under its old name now.
            await first.execute("prepare transaction 'b'")
            assert await journal.end() == 1
            await second.execute("commit prepared 'b'")
            assert await journal.end() == 3
    finally:
        server.close()


async def test_what_was_archived_is_no_gap(outgrow_postgres: PostgresServer) -> None:
    outbox = Outbox("orders", SystemClock())
    url = await outgrow_postgres.database()
    async with opened(url, outbox) as store, connected(url) as first, connected(url) as second:
        for n in range(5):
            await second.execute(INSERT, str(n))
        await second.execute("delete from outgrow_journal where position <= 3")
        await second.execute(
            "insert into outgrow_archive values (1, 1, 3, 3, 'events.jsonl', 'sum', '')"
        )
        await first.execute("begin")
        await first.execute(INSERT, "late")
        await second.execute(INSERT, "later")
        # The first look knows nothing but the tables, and somebody may fill gaps.
        assert await Follower(store, outbox).journal.end() == 5
        await first.execute("rollback")


async def test_a_gap_that_only_others_know_to_be_none_is_no_sign_of_an_older_store(
    outgrow_postgres: PostgresServer,
) -> None:
    outbox = Outbox("orders", SystemClock())
    url = await outgrow_postgres.database()
    async with opened(url, outbox) as store, connected(url) as first, connected(url) as second:
        journal = Follower(store, outbox).journal
        await first.execute("begin")
        await first.execute(INSERT, "a")
        await second.execute(INSERT, "b")
        assert await journal.end() == 0
        assert await journal.last() == 2
        await first.execute("rollback")
        assert await journal.end() == 2


async def recorded(connection: Any, count: int) -> None:
    await connection.execute(
        "insert into outgrow_journal (id, kind, type, schema, partition, correlation_id, trace, "
        "caller, recorded_at, body) select cast(i as text), 'event', 'orders.OrderPlaced', 1, 0, "
        "'', '', '{}', '', '{}' from generate_series(1, $1) i",
        count,
    )


async def test_a_long_journal_is_final_up_to_its_end_while_another_transaction_writes(
    outgrow_postgres: PostgresServer,
) -> None:
    outbox = Outbox("orders", SystemClock())
    url = await outgrow_postgres.database()
    async with opened(url, outbox) as store, connected(url) as first, connected(url) as second:
        await recorded(second, 2 * WALKED_ROWS_MAX + 5)
        await first.execute("begin")
        await first.execute(INSERT, "under way")

        assert await Follower(store, outbox).journal.end() == 2 * WALKED_ROWS_MAX + 5
        await first.execute("rollback")


@pytest.mark.parametrize("table", ["outgrow_cursor", "outgrow_share", "outgrow_highwater"])
async def test_what_somebody_has_read_is_final_for_a_process_that_comes_later(
    outgrow_postgres: PostgresServer, table: str
) -> None:
    outbox = Outbox("orders", SystemClock())
    url = await outgrow_postgres.database()
    async with opened(url, outbox) as store, connected(url) as first, connected(url) as second:
        await recorded(second, 9)
        await second.execute("delete from outgrow_journal where position = 4")  # rolled back once
        place = "position" if table == "outgrow_cursor" else "partition, position"
        read = "7" if table == "outgrow_cursor" else "0, 7"
        await second.execute(
            f"insert into {table} (consumer, source, {place}) values ('a.b', 'orders', {read})"
        )
        await first.execute("begin")
        await first.execute(INSERT, "under way")

        assert await Follower(store, outbox).journal.end() == 9
        await first.execute("rollback")


async def test_an_event_is_known_to_be_of_this_journal_though_it_is_not_final_or_is_archived(
    outgrow_postgres: PostgresServer,
) -> None:
    outbox = Outbox("orders", SystemClock())
    url = await outgrow_postgres.database()
    async with opened(url, outbox) as store, connected(url) as first, connected(url) as second:
        journal = Follower(store, outbox).journal
        await first.execute("begin")
        await first.execute(INSERT, "under way")
        await second.execute(INSERT, "published")
        assert await journal.end() == 0
        assert await journal.holds("published", 2)
        assert not await journal.holds("of another", 2)
        assert not await journal.holds("under way", 1)
        assert not await journal.holds("lost with the server", 3)
        await first.execute("rollback")
        await second.execute("delete from outgrow_journal")
        assert not await journal.holds("published", 2)
        await second.execute(
            "insert into outgrow_archive values (1, 1, 2, 1, 'events.jsonl', 'sum', '', '')"
        )
        assert await journal.holds("published", 2)
