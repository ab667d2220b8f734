"""Stores that an earlier outgrow wrote are opened by today's, and all goes on where it was."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from outgrow import using
from outgrow.errors import StoreUnreadable
from outgrow.journal import SCHEMA
from outgrow.testing import World

HERE = Path(__file__).parent
SERVICES = ("till", "ledger")
SHAPES = [path for path in sorted(HERE.glob("version-*/*")) if path.is_dir()]
IN_TABLES = "select name from sqlite_master where type = 'table' order by name"

UPGRADER = """
import asyncio, pathlib, sys
from outgrow import crash
from outgrow.clock import SystemClock
from outgrow.journal import SCHEMA
from outgrow.store import open_store

crash.arm(sys.argv[2])
asyncio.run(open_store(
    pathlib.Path(sys.argv[1]), application="kiosk", service="till", clock=SystemClock(),
    schemas=[SCHEMA],
    migrations=pathlib.Path(sys.argv[3]),
))
"""


def restore(shape: Path, state: Path) -> None:
    (state / "store").mkdir(parents=True)
    for service in SERVICES:
        raw = sqlite3.connect(state / "store" / f"{service}.sqlite3")
        raw.executescript((shape / f"{service}.sql").read_text())
        raw.close()


def rows(path: Path, sql: str) -> list[tuple[object, ...]]:
    raw = sqlite3.connect(path)
    try:
        return raw.execute(sql).fetchall()
    finally:
        raw.close()


def contents(path: Path, tables: list[str]) -> dict[str, list[tuple[object, ...]]]:
    return {table: sorted(rows(path, f"select * from {table}"), key=repr) for table in tables}


def version_of(path: Path) -> int:
    ((value,),) = rows(path, "select value from outgrow_meta where name = 'schema:journal'")
    return int(str(value))


@pytest.fixture(params=SHAPES, ids=lambda shape: f"{shape.parent.name}-{shape.name}")
def shape(request: pytest.FixtureRequest) -> Path:
    path: Path = request.param
    return path


@pytest.fixture
def world(shape: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.syspath_prepend(HERE)
    restore(shape, tmp_path)
    yield World("together", HERE / "outgrow.toml", tmp_path)
    for name in [name for name in sys.modules if name.partition(".")[0] == "kiosk"]:
        del sys.modules[name]


async def test_a_store_of_an_earlier_version_goes_on_where_it_was(
    world: World, shape: Path
) -> None:
    await world.start()
    from kiosk.ledger import Ledger
    from kiosk.till import Till

    till, ledger = world.client(Till), world.client(Ledger)
    try:
        assert await till.list_sales() == [100, 101, 102, 104, 200, 201]
        # What was answered is remembered: a repeat has no second effect.
        assert await using(till, key="key-3").sell("cigars", 104) == 4
        await world.settle(parked=True)
        heard = ["tea 100", "milk 102", "bread 200", "tea 201"]
        cigars = ["cigars 101", "cigars 104"]
        if shape.name == "together":
            heard += cigars
        assert await ledger.list_entries() == everything_of(heard)

        if shape.name == "parked":
            (parked,) = (await world.application.overview.waiting())[0]
            assert (parked.consumer, parked.key, parked.state) == (
                "ledger.enter",
                "cigars",
                "parked",
            )
            await ledger.forbid("cigars", forbidden=False)
            await world.application.replay("ledger.enter", "cigars")
            await world.settle()
            heard += cigars
        assert await using(till, key="new").sell("tea", 300) == 7
        await world.settle()
        assert await ledger.list_entries() == everything_of([*heard, "tea 300"])
    finally:
        await world.stop()


def everything_of(heard: list[str]) -> list[str]:
    return sorted(
        [*heard, *(f"echo {text}" for text in heard), *(f"sent for {text}" for text in heard)]
    )


async def test_the_tables_of_an_upgraded_store_are_those_of_a_new_one(
    world: World, tmp_path: Path
) -> None:
    await world.start()
    await world.stop()
    new = World("together", HERE / "outgrow.toml", tmp_path / "new")
    await new.start()
    await new.stop()

    for service in SERVICES:
        path, fresh = (
            folder / "store" / f"{service}.sqlite3" for folder in (world.state, new.state)
        )
        of_all = "select type, name, sql from sqlite_master order by type, name"
        assert rows(path, of_all) == rows(fresh, of_all)
        assert version_of(path) == SCHEMA.version


@pytest.mark.parametrize(
    ("point", "version"), [("store.before_opened", 1), ("store.after_opened", SCHEMA.version)]
)
def test_a_kill_in_an_upgrade_leaves_one_version_or_the_other(
    shape: Path, tmp_path: Path, point: str, version: int
) -> None:
    restore(shape, tmp_path)
    path = tmp_path / "store" / "till.sqlite3"
    before = [str(name) for (name,) in rows(path, IN_TABLES)]
    kept = [table for table in before if table not in ("outgrow_meta", "sqlite_sequence")]
    were = contents(path, kept)

    assert open_and_die(path, point) == -signal.SIGKILL
    assert version_of(path) == version
    tables = [name for (name,) in rows(path, IN_TABLES)]
    assert (tables == before) == (version == 1)
    assert contents(path, kept) == were

    assert open_and_die(path, "nowhere") == 0
    assert version_of(path) == SCHEMA.version
    assert contents(path, kept) == were


def open_and_die(path: Path, point: str) -> int:
    command = [sys.executable, "-c", UPGRADER, path, point, HERE / "kiosk/till_migrations"]
    environment = os.environ | {"PYTHONPATH": str(HERE.parents[2] / "src")}
    return subprocess.run(command, env=environment, check=False, timeout=30).returncode


async def test_a_version_that_no_step_leads_from_is_refused(world: World) -> None:
    path = world.state / "store" / "till.sqlite3"
    raw = sqlite3.connect(path)
    with raw:
        raw.execute("update outgrow_meta set value = '0' where name = 'schema:journal'")
    raw.close()

    with pytest.raises(StoreUnreadable, match=r"its journal has version 0, written by older"):
        await world.start()
    await world.stop()
    assert version_of(path) == 0
