"""Units of work in PostgreSQL: they mean what they mean in SQLite, and more of them run at once."""

import asyncio
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from outgrow import Record
from outgrow.clock import SystemClock
from outgrow.errors import (
    CommitUnknown,
    StatementFailed,
    StatementInterrupted,
    StatementRefused,
    StoreUnreachable,
    TransactionClosed,
    WaitedInTransaction,
)
from outgrow.store import Store, Transaction
from outgrow.testing import PostgresServer
from tests.store.test_units import (  # noqa: F401 - the same tests on another store
    names,
    put,
    test_a_closed_store_says_so,
    test_a_failed_statement_may_be_survived,
    test_a_kept_transaction_is_closed,
    test_a_nested_unit_joins_the_open_one,
    test_a_refusal_names_the_line_that_waits,
    test_a_snapshot_from_before_is_refused_inside_a_unit,
    test_a_statement_that_was_not_awaited_is_not_forgotten_quietly,
    test_a_task_group_in_a_unit_is_refused,
    test_a_task_that_a_unit_starts_cannot_use_its_transaction,
    test_a_timeout_that_expires_inside_of_a_unit_does_not_cancel_its_caller,
    test_a_transaction_knows_whether_its_unit_runs,
    test_a_unit_that_swallows_refusals_for_ever_is_ended,
    test_an_exception_of_the_units_own_comes_out_and_takes_only_its_changes,
    test_cancelled_before_it_begins_a_unit_never_does,
    test_closing_commits_what_has_begun,
    test_entries_are_appended_last_and_the_journal_is_told_after_the_commit,
    test_more_units_than_a_commit_may_hold_all_commit,
    test_reading_inside_a_unit_is_refused,
    test_submitted_units_run_in_order_and_commit_together,
    test_the_transaction_is_in_the_context_while_the_unit_runs,
    test_undo_takes_back_everything_and_the_unit_goes_on,
    test_without_an_outbox_recording_is_refused,
)

REFUSED = [
    "commit",
    "begin",
    "/* all */ rollback",
    "savepoint mine",
    "set local statement_timeout = 0",
    "create temporary table t (n bigint)",
    "drop table item",
    "truncate item",
    "lock table item",
    "copy item to program 'id'",
    "do $$ begin end $$",
    "listen others",
    "notify others",
    "delete from outgrow_journal",
    'delete from "outgrow_probe"',
    "select * from public . outgrow_probe",
    "select set_config('role', 'postgres', false)",
    "select pg_advisory_lock(1)",
    "select \"pg_notify\"('a', 'b')",
]


@pytest.mark.parametrize("swallows", [False, True], ids=["raises", "swallows"])
@pytest.mark.parametrize("sql", REFUSED)
async def test_what_a_unit_may_not_do_fails_it_alone(
    store: Store, sql: str, swallows: bool
) -> None:
    async def bad(tx: Transaction) -> None:
        await put(tx, "of the bad one")
        try:
            await tx.execute(sql)
        except StatementRefused:
            if not swallows:
                raise

    first, failed = await asyncio.gather(
        store.transact(put, "first"), store.transact(bad), return_exceptions=True
    )

    assert first == "first"
    assert isinstance(failed, StatementRefused)
    assert await names(store) == ["first"]


async def test_marks_in_texts_and_comments_are_none(store: Store) -> None:
    async def unit(tx: Transaction) -> list[str]:
        sql = "select E'it\\'s :a' || $$ :a $$ || :a /* :a /* :b */ :c */ || :b::text -- :d"
        return await tx.fetch_all(str, sql, a="x", b="y")

    assert await store.transact(unit) == ["it's :a :a xy"]


async def test_a_number_is_never_cut(store: Store) -> None:
    await store.transact(put, "x", 1.0)  # type: ignore[arg-type] - what must be refused or kept
    with pytest.raises(StatementFailed, match=r"1.5 is no whole number"):
        await store.transact(put, "y", 1.5)  # type: ignore[arg-type]
    async with store.read() as snapshot:
        assert await snapshot.fetch_all(int, "select n from item") == [1]


async def test_a_server_that_hangs_hangs_nobody_for_ever(
    open_at: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = PostgresServer()
    for name in ("units.ANSWER_SECONDS_MAX", "connection.ANSWER_SECONDS_MAX"):
        monkeypatch.setattr(f"outgrow.store.postgres.{name}", 0.2)
    for name in ("database.ROLLBACK_SECONDS_MAX", "database.RECONNECT_SECONDS_MAX"):
        monkeypatch.setattr(f"outgrow.store.postgres.{name}", 0.2)
    monkeypatch.setattr("outgrow.store.postgres.units.STATEMENT_SECONDS_MAX", 0.2)
    monkeypatch.setattr("outgrow.store.postgres.connection.CONNECT_SECONDS_MAX", 0.2)
    try:
        store = await open_at(url=await server.database())
        await store.transact(put, "before")
        backends = await _backends(store)
        for pid in (server.pid, *backends):
            os.kill(pid, signal.SIGSTOP)
        async with asyncio.timeout(5):
            with pytest.raises((StatementInterrupted, StoreUnreachable)):
                await store.transact(put, "while it hangs")
        for pid in (server.pid, *backends):
            os.kill(pid, signal.SIGCONT)
        await store.transact(put, "after")
        assert await names(store) == ["after", "before"]
        assert store.statistics()["connections"] == 0
        await store.close()
    finally:
        server.close()


async def test_a_commit_that_waits_for_a_standby_is_not_cut_short_and_acknowledged(
    open_at: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("outgrow.store.postgres.connection.ANSWER_SECONDS_MAX", 0.3)
    server = PostgresServer()
    try:
        store = await open_at(url=await server.database())
        await store.transact(put, "before")
        admin = await asyncpg.connect(server.admin_url)
        await admin.execute("alter system set synchronous_standby_names = 'nobody'")
        await admin.execute("select pg_reload_conf()")
        await until_shown(admin, "nobody")
        async with asyncio.timeout(10):  # Each process of the server learns it by itself.
            while await store.transact(_standbys) != "nobody":
                await SystemClock().sleep(0.01)

        with pytest.raises(CommitUnknown):
            await store.transact(put, "waits")
        assert await names(store) == ["before"]
        waiting = "select count(*) from pg_stat_activity where wait_event = 'SyncRep'"
        assert await admin.fetchval(waiting) == 1

        await admin.execute("alter system reset synchronous_standby_names")
        await admin.execute("select pg_reload_conf()")
        await until_shown(admin, "")
        await admin.close()
        await store.close()
    finally:
        server.close()


async def _standbys(tx: Transaction) -> str:
    ((names,),) = await tx.own("select current_setting('synchronous_standby_names')")
    return str(names)


async def until_shown(admin: asyncpg.Connection, standbys: str) -> None:
    async with asyncio.timeout(10):
        while await admin.fetchval("show synchronous_standby_names") != standbys:
            await SystemClock().sleep(0.01)


async def _backends(store: Store) -> list[int]:
    async with store.read() as snapshot:
        rows = await snapshot.own(
            "select pid from pg_stat_activity where datname = current_database()"
        )
    return [pid for (pid,) in rows]


@pytest.mark.parametrize("sql", ["select 'commit'", "select 1 -- rollback", "select 'outgrow_x'"])
async def test_words_in_texts_and_comments_are_none(store: Store, sql: str) -> None:
    async def unit(tx: Transaction) -> int:
        return len(await tx.fetch_all(Any, sql))  # type: ignore[arg-type]

    assert await store.transact(unit) == 1


async def test_a_statement_that_takes_too_long_is_interrupted_and_others_are_not(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("outgrow.store.postgres.units.STATEMENT_SECONDS_MAX", 0.1)

    async def endless(tx: Transaction) -> int:
        return await tx.fetch_one(int, "select count(*) from generate_series(1, 1000000000000)")

    slow = asyncio.get_running_loop().create_task(store.transact(endless))
    assert await store.transact(put, "meanwhile") == "meanwhile"
    assert not slow.done()

    with pytest.raises(StatementInterrupted):
        await slow
    assert await names(store) == ["meanwhile"]


async def test_units_that_read_and_write_the_same_row_lose_no_update(store: Store) -> None:
    async def increment(tx: Transaction) -> None:
        n = await tx.fetch_one(int, "select n from item where name = 'shared'")
        await tx.execute("update item set n = :n where name = 'shared'", n=n + 1)

    await store.transact(put, "shared")
    await asyncio.gather(*[store.transact(increment) for _ in range(50)])

    async with store.read() as snapshot:
        assert await snapshot.fetch_one(int, "select n from item") == 50
    assert store.statistics()["units_repeated"] > 0


async def test_units_that_collide_again_and_again_run_one_after_the_other(
    open_at: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("outgrow.store.postgres.database.RUNS_MAX", 12)
    stores = [await open_at(), await open_at()]  # As two processes would be.
    await stores[0].transact(put, "shared")

    async def increment(tx: Transaction) -> None:
        n = await tx.fetch_one(int, "select n from item where name = 'shared'")
        await tx.execute("update item set n = :n where name = 'shared'", n=n + 1)

    await asyncio.gather(*[stores[n % 2].transact(increment) for n in range(200)])

    async with stores[0].read() as snapshot:
        assert await snapshot.fetch_one(int, "select n from item") == 200
    assert [store.statistics()["connections"] for store in stores] == [0, 0]


async def test_rows_are_numbered_behind_those_that_a_migration_numbered(
    open_at: Any, tmp_path: Path
) -> None:
    (tmp_path / "migrations" / "0002_seed.sql").write_text(
        'create table "Odd" ("Id" integer primary key, t text);'
        "insert into \"Odd\" values (7, 'seven'); insert into counted (id) values (3), (1);"
    )

    async def add(tx: Transaction) -> list[int]:
        await tx.execute('insert into "Odd" (t) values (:t)', t="next")
        await tx.execute("insert into counted default values")
        return [
            await tx.fetch_one(int, 'select max("Id") from "Odd"'),
            await tx.fetch_one(int, "select max(id) from counted"),
        ]

    assert await (await open_at()).transact(add) == [8, 4]
    assert await (await open_at()).transact(add) == [9, 5]


async def test_units_that_read_what_the_other_writes_do_not_both_commit_what_they_saw(
    store: Store,
) -> None:
    """Write skew: at least one of two must stay on call."""

    async def leave(tx: Transaction, name: str) -> bool:
        on_call = await tx.fetch_one(int, "select sum(n) from item")
        if on_call > 1:
            await tx.execute("update item set n = 0 where name = :name", name=name)
        return on_call > 1

    for name in ("ada", "bob"):
        await store.transact(put, name, 1)
    for _ in range(20):
        left = await asyncio.gather(store.transact(leave, "ada"), store.transact(leave, "bob"))
        assert sorted(left) == [False, True]
        await store.transact(_reset)


class Item(Record):
    name: str
    n: int


STAR = "select * from item where false"


async def _select_star(tx: Transaction) -> int:
    return len(await tx.fetch_all(Item, STAR))


async def _reset(tx: Transaction) -> None:
    await tx.execute("update item set n = 1")


async def test_a_unit_that_survives_a_failure_keeps_what_it_did_before(store: Store) -> None:
    runs = 0

    async def careful(tx: Transaction) -> list[str]:
        nonlocal runs
        runs += 1
        await put(tx, "a")
        failures = []
        for name in ("a", "b", "a"):
            try:
                await put(tx, name)
            except StatementFailed as error:
                failures.append(error.kind)
        return failures

    assert await store.transact(careful) == ["IntegrityError"] * 2
    assert await names(store) == ["a", "b"]
    assert runs == 2  # The second time with savepoints.


async def test_a_unit_that_always_collides_ends_with_an_error(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("outgrow.store.postgres.database.RUNS_MAX", 3)

    async def collides(tx: Transaction) -> None:
        await put(tx, "x")
        await tx.own("do $$ begin raise exception 'no' using errcode = '40001'; end $$")

    with pytest.raises(StatementFailed, match="run 3 times"):
        await store.transact(collides)
    assert await names(store) == []


async def test_a_lost_connection_is_replaced_and_the_unit_runs_again(
    store: Store, admin: asyncpg.Connection
) -> None:
    runs = 0

    async def cut(tx: Transaction) -> None:
        nonlocal runs
        runs += 1
        await put(tx, "x")
        if runs == 1:
            (pid,) = (await tx.own("select pg_backend_pid()"))[0]
            await tx.own("select pg_terminate_backend(?)", (pid,))

    await store.transact(cut)

    assert runs == 2
    assert await names(store) == ["x"]


async def test_connections_that_died_while_idle_are_replaced(
    store: Store, admin: asyncpg.Connection
) -> None:
    await asyncio.gather(*[store.transact(put, f"{n}") for n in range(8)])
    assert len(await names(store)) == 8

    await admin.execute(
        "select pg_terminate_backend(pid) from pg_stat_activity "
        "where application_name = 'outgrow s'"
    )

    await asyncio.gather(*[store.transact(put, f"again {n}") for n in range(8)])
    assert len(await names(store)) == 16


async def test_a_table_that_changes_under_way_is_read_anew(store: Store, postgres_url: str) -> None:
    async with store.read() as snapshot:
        assert await snapshot.fetch_all(Item, STAR) == []
    await store.transact(_select_star)
    migrating = await asyncpg.connect(postgres_url)
    await migrating.execute("alter table item add column more bigint")
    await migrating.close()

    assert await store.transact(_select_star) == 0
    async with store.read() as snapshot:
        assert await snapshot.fetch_all(Item, STAR) == []


@pytest.mark.parametrize("has_happened", [False, True])
async def test_a_connection_that_is_lost_in_the_commit_leaves_nobody_guessing_in_silence(
    store: Store, monkeypatch: pytest.MonkeyPatch, has_happened: bool
) -> None:
    async def command(self: Any, sql: str) -> None:
        if sql == "commit":
            if has_happened:
                await self.raw.execute(sql)
            self.raw.terminate()
            raise asyncpg.ConnectionDoesNotExistError("cut")
        await self.raw.execute(sql)

    with monkeypatch.context() as cut:
        cut.setattr("outgrow.store.postgres.connection.Connection.command", command)
        with pytest.raises(CommitUnknown, match="same idempotency key"):
            await store.transact(put, "x")

    assert await names(store) == (["x"] if has_happened else [])


async def test_a_server_that_is_away_for_long_is_said_to_be(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*_: Any, **__: Any) -> None:
        raise ConnectionRefusedError("nobody there")

    monkeypatch.setattr("outgrow.store.postgres.database.RECONNECT_SECONDS_MAX", 0.05)
    monkeypatch.setattr("outgrow.store.postgres.readers.RECONNECT_SECONDS_MAX", 0.05)
    monkeypatch.setattr(asyncpg, "connect", refuse)

    with pytest.raises(StoreUnreachable, match="cannot be reached"):
        await store.transact(put, "x")
    with pytest.raises(StoreUnreachable):
        await names(store)


async def test_cancelled_while_it_waits_for_a_connection_a_unit_never_begins(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    began = []

    async def hold(tx: Transaction, name: str) -> None:
        began.append(name)
        await tx.own("select pg_sleep(0.2)")

    holders = [
        asyncio.get_running_loop().create_task(store.transact(hold, f"{n}")) for n in range(16)
    ]
    await until(lambda: len(began) == 16)
    waiting = asyncio.get_running_loop().create_task(store.transact(hold, "too many"))
    await until(lambda: store.statistics()["units_waiting"] == 1)
    waiting.cancel()

    await asyncio.gather(waiting, return_exceptions=True)
    assert waiting.cancelled()
    await asyncio.gather(*holders)
    assert "too many" not in began
    assert store.statistics()["connections"] == 0


async def test_cancelled_after_its_first_statement_a_unit_commits_first(store: Store) -> None:
    began = asyncio.Event()

    async def unit(tx: Transaction) -> None:
        await put(tx, "a")
        began.set()
        await put(tx, "b")

    task = asyncio.get_running_loop().create_task(store.transact(unit))
    await began.wait()
    task.cancel()

    await asyncio.gather(task, return_exceptions=True)
    assert task.cancelled()
    assert await names(store) == ["a", "b"]
    assert store.statistics()["connections"] == 0


async def test_a_wait_for_something_else_poisons_the_unit(store: Store) -> None:
    async def waits(tx: Transaction) -> None:
        await put(tx, "x")
        try:
            await SystemClock().sleep(0)
        except WaitedInTransaction:
            await put(tx, "y")

    with pytest.raises(WaitedInTransaction):
        await store.transact(waits)
    assert await names(store) == []


async def test_a_snapshot_does_not_move(store: Store) -> None:
    await store.transact(put, "a")
    async with store.read() as snapshot:
        assert await snapshot.fetch_all(str, "select name from item") == ["a"]
        await store.transact(put, "b")
        assert await snapshot.fetch_all(str, "select name from item") == ["a"]


async def test_a_snapshot_whose_statement_failed_says_so_and_never_jumps(store: Store) -> None:
    async with store.read() as snapshot:
        with pytest.raises(StatementFailed):
            await snapshot.fetch_all(str, "select nothing from nowhere")
        assert await snapshot.fetch_all(str, "select name from item") == []
        with pytest.raises(StatementRefused, match="only reads"):
            await snapshot.fetch_all(str, "insert into item (name) values ('x') returning name")
        with pytest.raises(TransactionClosed, match="open a new snapshot"):
            await snapshot.fetch_all(str, "select name from item")


async def test_snapshots_inside_of_snapshots_do_not_wait_for_themselves(store: Store) -> None:
    async def read(depth: int) -> int:
        async with store.read() as snapshot:
            found = await snapshot.fetch_one(int, "select count(*) from item")
            return found + (await read(depth - 1) if depth else 0)

    async with asyncio.timeout(5):
        assert await asyncio.gather(*[read(1) for _ in range(8)]) == [0] * 8


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await SystemClock().sleep(0)
