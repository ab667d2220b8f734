"""A store in each database, made by the same migration; every test here holds on both."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path

import pytest

from outgrow.clock import SystemClock
from outgrow.store import Store, open_store

Make = Callable[..., Awaitable[Store]]


@pytest.fixture(params=["sqlite", "postgresql"])
def dialect(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def make(dialect: str, tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Make]:
    """
    ``await make(ddl)``: an empty store with these tables; closed at the end.

    What is ``native`` are migrations in PostgreSQL's own words, by their numbers.
    """
    where: Path | str = tmp_path / "s.sqlite3"
    if dialect == "postgresql":
        server = request.getfixturevalue("outgrow_postgres")
        where = await server.database()
    opened: list[Store] = []
    folder = tmp_path / "migrations"
    folder.mkdir()

    async def make_it(*migrations: str, native: Mapping[int, str] | None = None) -> Store:
        for number, ddl in enumerate(migrations, 1):
            (folder / f"{number:04}_tables.sql").write_text(ddl)
        for number, ddl in (native or {}).items():
            (folder / f"{number:04}_tables.postgresql.sql").write_text(ddl)
        store = await open_store(
            where, application="shop", service="s", clock=SystemClock(), migrations=folder
        )
        opened.append(store)
        return store

    yield make_it
    for store in opened:
        await store.close()
