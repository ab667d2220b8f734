"""A store of one table in PostgreSQL, opened as a service's would be."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from outgrow.clock import SystemClock
from outgrow.store import Schema, Store, open_store
from outgrow.testing import PostgresServer

TABLES = """
create table item (name text primary key, n integer not null default 0) strict;
create table counted (id integer primary key autoincrement);
"""

Open = Callable[..., Awaitable[Store]]


@pytest.fixture
async def open_at(tmp_path: Path, postgres_url: str) -> AsyncIterator[Open]:
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
        store = await open_store(settings.pop("url", postgres_url), **settings)
        opened.append(store)
        return store

    yield open_it
    for store in opened:
        await store.close()


@pytest.fixture
async def store(open_at: Open) -> Store:
    return await open_at()


@pytest.fixture
async def admin(outgrow_postgres: PostgresServer) -> AsyncIterator[asyncpg.Connection]:
    """A connection of the server's superuser."""
    connection = await asyncpg.connect(outgrow_postgres.admin_url)
    yield connection
    await connection.close()
