"""Opening a store: alone, the right one, and changed wholly or not at all."""

import asyncio
import os
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from outgrow.errors import (
    MigrationFailed,
    StoreInUse,
    StoreOfAnother,
    StoreUnreadable,
)
from outgrow.store import Schema, Transaction

HOLDER = """
import asyncio, pathlib, sys
from outgrow.clock import SystemClock
from outgrow.store import Schema, open_store

async def main():
    await open_store(
        pathlib.Path(sys.argv[1]), application="shop", service="s", clock=SystemClock(),
        migrations=pathlib.Path(sys.argv[2]),
        schemas=[Schema("probe", 1, "create table outgrow_probe (n integer);", {})],
    )
    print("open", flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


def dump(path: Path) -> list[str]:
    with sqlite3.connect(path) as raw:
        lines = list(raw.iterdump())
    raw.close()
    return lines


def start(command: list[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


async def put(tx: Transaction, name: str) -> None:
    await tx.execute("insert into item (name) values (:name)", name=name)


async def test_what_was_opened_for_one_who_gave_up_is_closed(open_at: Any) -> None:
    loop = asyncio.get_running_loop()
    opening = loop.create_task(open_at())
    loop.call_soon(opening.cancel)
    with pytest.raises(asyncio.CancelledError):
        await opening
    assert "outgrow-store-s-0" not in [thread.name for thread in threading.enumerate()]
    await open_at()


async def test_a_cancelled_closing_lets_the_file_go(open_at: Any) -> None:
    loop = asyncio.get_running_loop()
    store = await open_at()
    closing = loop.create_task(store.close())
    loop.call_soon(closing.cancel)
    with pytest.raises(asyncio.CancelledError):
        await closing
    await open_at()


async def test_a_second_opener_in_this_process_is_refused(open_at: Any) -> None:
    store = await open_at()
    with pytest.raises(StoreInUse, match=rf"s\.sqlite3: process {os.getpid()} has it open"):
        await open_at()
    await store.close()
    await open_at()


async def test_another_process_holds_it_until_it_is_killed(open_at: Any, tmp_path: Path) -> None:
    paths = [str(tmp_path / "s.sqlite3"), str(tmp_path / "migrations")]
    command = [sys.executable, "-c", HOLDER, *paths]
    with start(command) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "open\n"
        with pytest.raises(StoreInUse, match=f"process {holder.pid} has it open"):
            await open_at()
        holder.kill()
        holder.wait()
    store = await open_at()
    await store.transact(put, "a")


@pytest.mark.parametrize("changed", [{"application": "bank"}, {"service": "t"}])
async def test_the_store_of_another_is_refused(open_at: Any, changed: dict[str, str]) -> None:
    await (await open_at()).close()
    with pytest.raises(StoreOfAnother, match=r"it belongs to service 's' of application 'shop'"):
        await open_at(**changed)
    await open_at()


async def test_a_database_that_is_no_store_is_refused_and_not_touched(
    open_at: Any, tmp_path: Path
) -> None:
    path = tmp_path / "s.sqlite3"
    with sqlite3.connect(path) as raw:
        raw.execute("create table theirs (n integer)")
    raw.close()
    before = path.read_bytes()
    with pytest.raises(StoreOfAnother, match="no store of outgrow's"):
        await open_at()
    assert path.read_bytes() == before


@pytest.mark.parametrize("where", [0, 100, 4096])
async def test_a_damaged_file_is_refused(open_at: Any, tmp_path: Path, where: int) -> None:
    store = await open_at()
    for i in range(200):
        await store.submit(put, f"{i:0100}")
    await store.close()
    path = tmp_path / "s.sqlite3"
    with path.open("r+b") as file:
        file.seek(where)
        file.write(b"\xa5" * 3000)
    with pytest.raises(StoreUnreadable, match="Restore it from a backup"):
        await open_at()


async def test_a_text_file_is_refused(open_at: Any, tmp_path: Path) -> None:
    (tmp_path / "s.sqlite3").write_text("no database\n" * 1000)
    with pytest.raises(StoreUnreadable, match="file is not a database"):
        await open_at()


async def test_what_a_newer_outgrow_wrote_is_refused(open_at: Any) -> None:
    ddl = "create table outgrow_probe (n integer);"
    await (await open_at(schemas=[Schema("probe", 2, ddl, {})])).close()
    with pytest.raises(StoreUnreadable, match=r"its probe has version 2, written by newer"):
        await open_at()


async def test_what_a_newer_service_migrated_is_refused(open_at: Any, tmp_path: Path) -> None:
    newer = tmp_path / "migrations" / "0002_more.sql"
    newer.write_text("create table more (n integer);")
    await (await open_at()).close()
    newer.unlink()
    with pytest.raises(StoreUnreadable, match=r"'0002_more\.sql' was applied"):
        await open_at()


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("create table more (n integer);\ncreate table item (n integer);", "already exists"),
        ("create table more (n integer);\n\n-- oops\nselect * from nowhere;", "no such table"),
        ("create table more (n);\ncommit;", "not authorized"),
        ("create table more (n);\nattach 'x' as x;", "not authorized|too many attached"),
        ("create table more (n);\npragma writable_schema = on;", "not authorized"),
        ("create table more (n);\ndrop table outgrow_meta;", "not authorized"),
        ("create table more (n);\ncreate table outgrow_more (n);", "not authorized"),
        ("create table more (n);\nnonsense", "syntax error"),
        (
            (
                "create table more (n);\ncreate table late (n references item\n"
                " deferrable /* ' */ initially -- x\n deferred);"
            ),
            "deferred constraint",
        ),
    ],
)
async def test_a_failing_migration_leaves_the_store_as_it_was(
    open_at: Any, tmp_path: Path, sql: str, message: str
) -> None:
    store = await open_at()
    await store.transact(put, "kept")
    await store.close()
    before = dump(tmp_path / "s.sqlite3")
    migration = tmp_path / "migrations" / "0002_more.sql"
    migration.write_text("insert into item (name) values ('half');\n" + sql)

    with pytest.raises(MigrationFailed, match=rf"0002_more\.sql:[345].*({message})") as caught:
        await open_at()

    assert "\n" not in str(caught.value)
    assert dump(tmp_path / "s.sqlite3") == before
    migration.write_text("create table more (n integer);")
    await open_at()


@pytest.mark.parametrize(
    "sql",
    [
        "create trigger t before insert on outgrow_probe begin select raise(ignore); end",
        "create temp trigger t before insert on outgrow_probe begin select raise(ignore); end",
        "alter table outgrow_probe add column more text",
        "alter table outgrow_probe rename to gone",
        "alter table outgrow_probe rename column n to m",
        "create index more on outgrow_probe (n)",
        "drop table outgrow_probe",
    ],
)
async def test_a_migration_touches_no_table_of_outgrows(
    open_at: Any, tmp_path: Path, sql: str
) -> None:
    await (await open_at()).close()
    (tmp_path / "migrations" / "0002_more.sql").write_text(f"{sql};")

    with pytest.raises(MigrationFailed, match="not authorized|prohibited"):
        await open_at()


async def test_constraints_that_are_checked_at_once_are_accepted(
    open_at: Any, tmp_path: Path
) -> None:
    (tmp_path / "migrations" / "0002_more.sql").write_text(
        "-- deferrable initially deferred would not do\n"
        "create table more (n text default 'deferrable initially deferred' references item "
        "not deferrable initially deferred, m references item deferrable initially immediate);"
    )
    await open_at()


async def test_a_migration_may_hold_triggers_and_texts_with_semicolons(
    open_at: Any, tmp_path: Path
) -> None:
    (tmp_path / "migrations" / "0002_more.sql").write_text(
        "insert into item (name) values ('a;b');\n"
        "create trigger t after insert on item begin\n"
        "  update item set n = n + 1; select 1; end;\n"
        "-- the end; really"
    )
    store = await open_at()
    await store.transact(put, "c")
    async with store.read() as snapshot:
        assert await snapshot.fetch_all(str, "select name from item order by 1") == ["a;b", "c"]


async def test_an_applied_migration_must_not_change(open_at: Any, tmp_path: Path) -> None:
    await (await open_at()).close()
    with (tmp_path / "migrations" / "0001_tables.sql").open("a") as file:
        file.write("-- one more word\n")
    with pytest.raises(MigrationFailed, match=r"0001_tables\.sql: it was changed after"):
        await open_at()


@pytest.mark.parametrize("name", ["0003_gap.sql", "0001_twice.sql", "2_short.sql", "notes.sql"])
async def test_migrations_are_numbered_without_gaps(
    open_at: Any, tmp_path: Path, name: str
) -> None:
    (tmp_path / "migrations" / name).write_text("select 1;")
    with pytest.raises(MigrationFailed, match=r"this should be migration 000[123]"):
        await open_at()


async def test_a_missing_folder_of_migrations_is_refused(open_at: Any, tmp_path: Path) -> None:
    with pytest.raises(MigrationFailed, match="no such folder"):
        await open_at(migrations=tmp_path / "nowhere")


async def test_committed_units_survive_a_kill_and_a_reopening(open_at: Any) -> None:
    store = await open_at()
    await store.transact(put, "a")
    await store.close()
    async with (await open_at()).read() as snapshot:
        assert await snapshot.fetch_all(str, "select name from item") == ["a"]
