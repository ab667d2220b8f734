"""A store of one table, opened as a service's would be."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from outgrow.clock import SystemClock
from outgrow.store import Schema, Store, open_store

TABLES = """
create table item (name text primary key, n integer not null default 0) strict;
create table counted (id integer primary key autoincrement);
create trigger no_thirteen before insert on item when new.n = 13
begin
    select raise(rollback, 'thirteen');
end;
"""

Open = Callable[..., Awaitable[Store]]


@pytest.fixture
async def open_at(tmp_path: Path) -> AsyncIterator[Open]:
    """Opens the store of service "s"; whatever is still open at the end is closed."""
    folder = tmp_path / "migrations"
    folder.mkdir()
    (folder / "0001_tables.sql").write_text(TABLES)
    opened = []

    async def open_it(**options: Any) -> Store:
        settings: dict[str, Any] = {
            "application": "shop",
            "service": "s",
            "clock": SystemClock(),
            "migrations": folder,
            "schemas": [Schema("probe", 1, "create table outgrow_probe (n integer);", {})],
        } | options
        store = await open_store(tmp_path / "s.sqlite3", **settings)
        opened.append(store)
        return store

    yield open_it
    for store in opened:
        await store.close()


@pytest.fixture
async def store(open_at: Open) -> Store:
    return await open_at()
