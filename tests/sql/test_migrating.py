"""Migrations on both databases: applied once, in order, wholly or not at all."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from outgrow.clock import SystemClock
from outgrow.errors import MigrationFailed, StatementFailed, StoreInUse, StoreUnreadable
from outgrow.store import Schema, Store, Transaction, bring_up_to_date, open_store

FIRST = "create table item (name text primary key, n integer not null) strict;"
SECOND = "insert into item values ('once', 1);\nalter table item add column more text;"
PROBE = Schema(
    "probe",
    3,
    "create table outgrow_probe (a integer, b integer, c integer) strict;",
    {
        2: "alter table outgrow_probe add column b integer;",
        3: "alter table outgrow_probe add column c integer;",
    },
)
OLD_PROBE = Schema("probe", 1, "create table outgrow_probe (a integer) strict;", {})

OPENER = """
import asyncio, pathlib, sys
from outgrow import crash
from outgrow.clock import SystemClock
from outgrow.store import Schema, open_store
where, folder, point = sys.argv[1:]
steps = {n: f"alter table outgrow_probe add column c{n} integer;" for n in (2, 3)}
schema = Schema("probe", 3, "", steps)
crash.arm(point)
asyncio.run(open_store(
    where if where.startswith("postgresql:") else pathlib.Path(where),
    application="shop", service="s", clock=SystemClock(), schemas=[schema],
    migrations=pathlib.Path(folder),
))
"""


class Place:
    """Where one store is, and its migrations."""

    def __init__(self, where: Path | str, folder: Path) -> None:
        self.where = where
        self.folder = folder

    def write(self, name: str, sql: str) -> Path:
        path = self.folder / name
        path.write_text(sql)
        return path

    @property
    def options(self) -> dict[str, Any]:
        return {
            "application": "shop",
            "service": "s",
            "clock": SystemClock(),
            "migrations": self.folder,
        }

    async def open(self, **options: Any) -> Store:
        return await open_store(self.where, **self.options | options)

    async def bring(self, **options: Any) -> list[str]:
        return await bring_up_to_date(self.where, **self.options | options)

    async def rows(self, sql: str, **options: Any) -> list[tuple[Any, ...]]:
        async with await self.open(**options) as store, store.read() as snapshot:
            return await snapshot.own(sql)


@pytest.fixture
async def place(dialect: str, tmp_path: Path, request: pytest.FixtureRequest) -> Place:
    where: Path | str = tmp_path / "s.sqlite3"
    if dialect == "postgresql":
        where = await request.getfixturevalue("outgrow_postgres").database()
    folder = tmp_path / "migrations"
    folder.mkdir()
    place = Place(where, folder)
    place.write("0001_items.sql", FIRST)
    return place


async def test_what_is_pending_is_applied_once_and_told(place: Place) -> None:
    assert await place.bring() == ["0001_items.sql"]
    assert await place.bring() == []
    place.write("0002_more.sql", SECOND)
    assert await place.bring() == ["0002_more.sql"]
    assert await place.rows("select name, n, more from item") == [("once", 1, None)]


async def test_a_trial_leaves_nothing(place: Place) -> None:
    assert await place.bring(is_trial=True, schemas=[PROBE]) == [
        "probe, version 3",
        "0001_items.sql",
    ]
    assert not isinstance(place.where, Path) or not place.where.exists()
    await place.bring()
    place.write("0002_more.sql", SECOND)
    assert await place.bring(is_trial=True) == ["0002_more.sql"]
    assert await place.bring(is_trial=True) == ["0002_more.sql"]
    (place.folder / "0002_more.sql").unlink()
    assert await place.rows("select * from item") == []


async def test_a_trial_says_what_is_not_accepted(place: Place) -> None:
    place.write("0002_more.sql", "\ncreate table item (n integer);")
    with pytest.raises(MigrationFailed, match=r"0002_more\.sql:2: .*already exists"):
        await place.bring(is_trial=True)


async def test_outgrows_own_tables_take_each_step_in_order(place: Place) -> None:
    await place.bring(schemas=[OLD_PROBE])
    assert await place.bring(schemas=[PROBE]) == ["probe, version 2", "probe, version 3"]
    assert await place.bring(schemas=[PROBE]) == []
    assert await place.rows("select a, b, c from outgrow_probe", schemas=[PROBE]) == []
    with pytest.raises(StoreUnreadable, match="probe has version 3, written by newer"):
        await place.bring(schemas=[OLD_PROBE])


async def test_a_step_that_fails_leaves_the_version_before(place: Place) -> None:
    await place.bring(schemas=[OLD_PROBE])
    nowhere = "alter table nowhere add column x integer;"
    broken = PROBE._replace(upgrades={2: PROBE.upgrades[2], 3: nowhere})
    with pytest.raises(Exception, match="nowhere"):
        await place.bring(schemas=[broken])
    assert await place.rows("select a from outgrow_probe", schemas=[OLD_PROBE]) == []


@pytest.mark.parametrize(("point", "version"), [("before", "1"), ("after", "3")])
async def test_a_kill_leaves_what_was_or_what_is_to_be(
    place: Place, point: str, version: str
) -> None:
    await place.bring(schemas=[OLD_PROBE])
    place.write("0002_more.sql", SECOND)
    assert open_and_die(place, f"store.{point}_opened") == -signal.SIGKILL

    if version == "1":
        (place.folder / "0002_more.sql").unlink()
    of_today = OLD_PROBE if version == "1" else PROBE
    sql = "select value from outgrow_meta where name = 'schema:probe'"
    assert await place.rows(sql, schemas=[of_today]) == [(version,)]
    assert len(await place.rows("select * from item", schemas=[of_today])) == (version == "3")


def open_and_die(place: Place, point: str) -> int:
    command = [sys.executable, "-c", OPENER, place.where, place.folder, point]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2] / "src")}
    return subprocess.run(command, env=environment, check=False, timeout=30).returncode


NO_MORE = "not authorized|no more"


@pytest.mark.parametrize(
    ("second", "message"),
    [
        ("create table item (n integer);", "already exists"),
        ("select * from nowhere;", "nowhere"),
        ("commit;", NO_MORE),
        ("/* x */ begin;", NO_MORE),
        ("savepoint x;", NO_MORE),
        ("drop table outgrow_meta;", NO_MORE),
        ('drop table "outgrow_meta";', NO_MORE),
        ("create table OUTGROW_x (n integer);", NO_MORE),
        ("nonsense", "syntax error"),
        (
            "create table late (n text references item deferrable initially deferred);",
            "deferred constraint",
        ),
    ],
)
async def test_a_migration_that_is_not_accepted_changes_nothing(
    place: Place, second: str, message: str
) -> None:
    await place.bring()
    path = place.write("0002_more.sql", f"insert into item values ('half', 1);\n{second}")
    with pytest.raises(MigrationFailed, match=rf"0002_more\.sql:2: .*({message})"):
        await place.bring()
    path.unlink()
    assert await place.rows("select * from item") == []


async def test_a_table_that_others_refer_to_is_made_anew_in_sqlite(tmp_path: Path) -> None:
    (tmp_path / "migrations").mkdir()
    place = Place(tmp_path / "s.sqlite3", tmp_path / "migrations")
    place.write(
        "0001_items.sql",
        f"{FIRST}\ncreate table part (item text references item (name)) strict;"
        "insert into item values ('a', 1); insert into part values ('a');",
    )
    await place.bring()
    anew = (
        "create table item_new (name text primary key, n text not null) strict;\n"
        "insert into item_new select name, n from item{};\n"
        "drop table item;\nalter table item_new rename to item;"
    )
    path = place.write("0002_anew.sql", anew.format(" where n > 1"))
    with pytest.raises(MigrationFailed, match="rows of 'part' refer to rows of 'item' that are no"):
        await place.bring()
    path.write_text(anew.format(""))
    assert await place.bring() == ["0002_anew.sql"]
    assert await place.rows("select name, n from item") == [("a", "1")]

    async def orphan(tx: Transaction) -> None:
        await tx.execute("insert into part values ('nobody')")

    async with await place.open() as store:
        with pytest.raises(StatementFailed, match="FOREIGN KEY"):
            await store.transact(orphan)


async def test_an_applied_migration_must_not_change(place: Place) -> None:
    await place.bring()
    place.write("0001_items.sql", f"{FIRST}\n-- one more word\n")
    with pytest.raises(MigrationFailed, match="changed after it had been applied"):
        await place.bring()


async def test_what_is_written_for_postgresql_replaces_the_file_there(
    place: Place, dialect: str
) -> None:
    place.write("0002_more.sql", "create table kind (name text) strict;")
    place.write(
        "0002_more.postgresql.sql",
        "/* nested /* comments; */ */\n"
        "create function kind_of(n bigint) returns text language plpgsql as $body$\n"
        "begin if n > 0 then return 'some;'; end if; return $$none$$; end; $body$;\n"
        "create function twice(n bigint) returns bigint language sql\n"
        "begin atomic select n * 2; select n * 2; end;\n"
        "create table kind (name text default E'it\\'s; kind_of(1)');\n",
    )
    native = dialect == "postgresql"
    assert await place.bring() == ["0001_items.sql", f"0002_more{'.postgresql' * native}.sql"]
    if native:
        sql = "select kind_of(1) || kind_of(0) || twice(2)::text"
        assert await place.rows(sql) == [("some;none4",)]


async def test_a_file_for_postgresql_alone_is_refused(place: Place) -> None:
    place.write("0002_more.postgresql.sql", "select 1;")
    with pytest.raises(MigrationFailed, match=r"no 0002_more\.sql beside it"):
        await place.bring()


async def test_a_store_that_is_open_is_refused_in_sqlite_and_shared_in_postgresql(
    place: Place, dialect: str
) -> None:
    async with await place.open():
        if dialect == "sqlite":
            with pytest.raises(StoreInUse):
                await place.bring()
        else:
            place.write("0002_more.sql", SECOND)
            assert await place.bring() == ["0002_more.sql"]


async def test_replicas_that_start_at_once_migrate_once(
    outgrow_postgres: Any, tmp_path: Path
) -> None:
    folder = tmp_path / "migrations"
    folder.mkdir()
    place = Place(await outgrow_postgres.database(), folder)
    place.write("0001_items.sql", "create table item (name text primary key, n integer not null);")
    place.write("0002_more.sql", "insert into item select 'once', count(*) from item;")
    async with asyncio.TaskGroup() as group:
        done = [group.create_task(place.bring(schemas=[PROBE])) for _ in range(6)]
    told = sorted([task.result() for task in done], key=len)
    assert told == [[]] * 5 + [["probe, version 3", "0001_items.sql", "0002_more.sql"]]


async def test_a_migration_does_not_wait_long_for_a_table_that_is_used(
    outgrow_postgres: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("outgrow.store.postgres.opening.LOCK_SECONDS_MAX", 0.1)
    folder = tmp_path / "migrations"
    folder.mkdir()
    place = Place(await outgrow_postgres.database(), folder)
    place.write("0001_items.sql", FIRST)
    async with await place.open() as store, store.read() as snapshot:
        await snapshot.fetch_all(str, "select name from item")
        place.write("0002_more.sql", "alter table item add column more text;")
        with pytest.raises(MigrationFailed, match=r"0002_more\.sql:1: it waited 0\.1 s for others"):
            await place.bring()
    assert await place.bring() == ["0002_more.sql"]
