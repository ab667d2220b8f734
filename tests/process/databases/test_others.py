"""A store that begins empty while the state folder has another one of the same service."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from outgrow.clock import SystemClock
from outgrow.process.databases import Kept
from outgrow.process.stores import located_at_start
from outgrow.store import open_store
from outgrow.testing import PostgresServer


async def warnings(state: Path, setting: str, caplog: pytest.LogCaptureFixture) -> list[str]:
    """What a start says that opens the store of "a" as *setting* says."""
    caplog.clear()
    stores = {"a": setting}
    caplog.set_level(logging.WARNING, "outgrow.process")
    async with located_at_start(state, "shop", stores) as places:
        where = places["a"]
        place = where / "a.sqlite3" if isinstance(where, Path) else where
        await (
            await open_store(place, application="shop", service="a", clock=SystemClock())
        ).close()
    return [one.getMessage() for one in caplog.records if one.name == "outgrow.process"]


@pytest.fixture
def state(tmp_path: Path) -> Path:
    (tmp_path / "store").mkdir()
    return tmp_path


async def test_a_new_database_beside_a_file_is_warned_of_once(
    state: Path, outgrow_postgres: PostgresServer, caplog: pytest.LogCaptureFixture
) -> None:
    url = await outgrow_postgres.database()
    assert await warnings(state, "sqlite", caplog) == []

    (told,) = await warnings(state, url, caplog)
    assert f"while there is one of it in {state}/store/a.sqlite3" in told
    assert "let store say 'sqlite' for a again" in told
    assert "outgrow store move a --to postgresql://" in told
    assert outgrow_postgres._password not in told
    assert await warnings(state, url, caplog) == []


async def test_a_new_file_beside_a_database_is_warned_of_once(
    state: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert await warnings(state, "postgres", caplog) == []

    (told,) = await warnings(state, "sqlite", caplog)
    assert "while there is one of it in postgres, database shop_a" in told
    assert "outgrow store move a --to sqlite" in told
    assert await warnings(state, "sqlite", caplog) == []


async def test_a_new_file_beside_a_database_that_was_created_is_warned_of(
    state: Path, caplog: pytest.LogCaptureFixture
) -> None:
    Kept(created={"a": "postgresql://shop_a:secret@db.example/shop_a"}).write(state)

    (told,) = await warnings(state, "sqlite", caplog)

    assert "one of it in postgresql://shop_a@db.example/shop_a. To" in told
    with _damaged(state):
        (state / "store" / "a.sqlite3").unlink()
        assert await warnings(state, "sqlite", caplog) == []


@contextmanager
def _damaged(state: Path) -> Iterator[None]:
    (state / "postgres.json").write_text("{")
    yield


async def test_the_server_of_a_supervisor_is_the_one_that_comes_along(
    state: Path, outgrow_postgres: PostgresServer, caplog: pytest.LogCaptureFixture
) -> None:
    url = await outgrow_postgres.database()
    (state / "postgres" / "data").mkdir(parents=True)
    Kept(sockets=str(outgrow_postgres.cluster.sockets), roles={"a": "secret"}).write(state)

    assert await warnings(state, url, caplog) == []
