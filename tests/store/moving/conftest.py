"""A store in which every table of outgrow's and of a service's has rows, and moves of it."""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from outgrow.clock import SystemClock
from outgrow.journal import SCHEMA
from outgrow.store import Store, open_store
from outgrow.store.moving import Move, StateFile
from tests.store.moving.ends import end_of

TABLES = """
create table customer (id integer primary key autoincrement, name text not null) strict;
create table purchase (
    id text primary key,
    customer integer not null references customer (id),
    follows text references purchase (id),
    cents integer not null check (cents >= 0),
    weight real,
    picture blob
) strict;
create table note (line text) strict;
insert into customer (name) values ('the first');
"""
JOURNAL_ROWS = 1_234
EVENT = (
    "insert into outgrow_journal (id, kind, type, schema, destination, key, partition, cause, "
    "correlation_id, trace, caller, tenant, recorded_at, body) "
    "values (?, 'event', 'shop.Placed', 1, null, ?, ?, null, 'c', 't', 'who', null, 'now', ?)"
)
FILLED = {
    "outgrow_inbox": [(7, "m", "system", "k", "hash", "value", "1", "2026-01-01T00:00:00Z")],
    "outgrow_highwater": [("s.on", "other", n, 1_000 + n) for n in range(32)],
    "outgrow_cursor": [("s.on", "other", 1_030), ("s -> mail", "s", 12)],
    "outgrow_waiting": [
        ("s.on", "other", "parked", 5, "parked", 8, None, "ValueError: no", "then", "{}"),
        ("s.on", "other", "parked", 6, "behind", 0, None, None, "then", "{}"),
        ("s -> mail", "s", "late", 9, "retrying", 2, "2026-01-01T00:00:00Z", "x", "then", "{}"),
    ],
}


async def fill(store: Store) -> None:
    """Put rows into every table."""

    async def unit(tx):
        for n in range(1, 40):
            await tx.execute("insert into customer (name) values (:name)", name=f"näme {n} 'x'")
        before = None
        for n in range(60):
            await tx.execute(
                "insert into purchase values (:id, :customer, :follows, :cents, :weight, :picture)",
                id=f"p{n}",
                customer=1 + n % 40,
                follows=before,
                cents=2**62 + n,
                weight=None if n % 3 else n / 7,
                picture=bytes(range(n)),
            )
            before = f"p{n}"
        for n in range(3):
            await tx.execute("insert into note values (:line)", line=None if n else "twice\ttab\n")
        await tx.execute("delete from customer where id > 41")
        for n in range(JOURNAL_ROWS):
            await tx.own(EVENT, (f"id-{n}", f"key-{n % 10}", n % 32, f'{{"n": {n}}}'))
        for table, rows in FILLED.items():
            for row in rows:
                marks = ", ".join("?" * len(row))
                await tx.own(f"insert into {table} values ({marks})", row)

    await store.transact(unit)


def fill_others(path: Path) -> None:
    """Three rows in each table that has none yet, whatever its columns are; prune the journal."""
    values = {"integer": lambda n: n, "text": lambda n: f"text {n}", "real": lambda n: n / 3}
    with sqlite3.connect(path) as raw:
        raw.execute("delete from outgrow_journal where position <= 34")
        names = raw.execute("select name from sqlite_master where type = 'table'").fetchall()
        for (name,) in names:
            if raw.execute(f"select 1 from {name}").fetchone() or name.startswith("sqlite_"):
                continue
            columns = raw.execute(f"select name, type from pragma_table_info('{name}')").fetchall()
            for n in range(1, 4):
                row = [values[kind.lower()](n) for _, kind in columns]
                raw.execute(f"insert into {name} values ({', '.join('?' * len(row))})", row)
    raw.close()


@pytest.fixture
def migrations(tmp_path: Path) -> Path:
    folder = tmp_path / "migrations"
    folder.mkdir()
    (folder / "0001_tables.sql").write_text(TABLES)
    return folder


Open = Callable[[Path | str], Awaitable[Store]]


@pytest.fixture
def open_at(migrations: Path) -> Open:
    async def open_it(where: Path | str) -> Store:
        return await open_store(
            where,
            application="shop",
            service="s",
            clock=SystemClock(),
            migrations=migrations,
            schemas=[SCHEMA],
        )

    return open_it


@pytest.fixture
async def move_between(tmp_path: Path, open_at: Open):
    """``move_between(source, target)``: a move that is closed at the end."""
    ends = []

    def make(source: Path | str, target: Path | str, **options) -> Move:
        async def make_target() -> None:
            await (await open_at(target)).close()

        both = [end_of(source), end_of(target)]
        ends.extend(both)
        settings = {
            "application": "shop",
            "service": "s",
            "source": both[0],
            "target": both[1],
            "setting": "there",
            "old_setting": "here",
            "secrets": ("here", "there"),
            "state": StateFile(tmp_path / "s.move.json"),
            "make_target": make_target,
            "hosts": None,
            "clock": SystemClock(),
            "progress": lambda what, done, total: None,
        }
        return Move(**settings | options)

    yield make
    for end in ends:
        await end.close()


@pytest.fixture
async def filled(tmp_path: Path, open_at: Open) -> Path:
    """The file of a store that is full of rows, and closed."""
    path = tmp_path / "s.sqlite3"
    store = await open_at(path)
    await fill(store)
    await store.close()
    fill_others(path)
    return path


async def contents(where: Path | str) -> dict[str, list[tuple]]:
    """All rows of all tables, sorted, as SQLite keeps them; read past the store."""
    end = end_of(where)
    found = {}
    for table in await end.tables():
        rows = [row async for rows in end.rows(table, sorted(table.columns)) for row in rows]
        found[table.name] = sorted(rows, key=repr)
    await end.close()
    return found


def change(path: Path, sql: str) -> None:
    """Change a file past the store."""
    with sqlite3.connect(path) as raw:
        raw.execute(sql)
    raw.close()
