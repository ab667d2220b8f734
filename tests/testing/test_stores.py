"""Where the stores of worlds live: never where the application's own are."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SERVICE = """
from outgrow import Contract, Store, Transaction, command, service, transactional
class Shelf(Contract):
    @command()
    async def put(self, name: str) -> str: ...
@service
class ShelfService(Shelf):
    store: Store
    @transactional
    async def put(self, tx: Transaction, name: str) -> str:
        await tx.execute("insert into things (name) values (:name)", name=name)
        return name
"""
TEST = """
import pytest
from shelf import Shelf, ShelfService
from outgrow.testing import temporary_store

async def test_kind(world):
    print("kind:", world.name, type(world.stores.get("shelf")).__name__)
    await world.client(Shelf).put("a")
    await world.restart()
    await world.client(Shelf).put("b")

@pytest.mark.stores("sqlite", "postgres")
@pytest.mark.worlds("together")
async def test_marked(world):
    await world.client(Shelf).put("a")

@pytest.mark.asyncio
async def test_alone(postgres_url):
    async with temporary_store(ShelfService, url=postgres_url) as store:
        await ShelfService(store=store).put("a")
"""


@pytest.fixture
def program(tmp_path: Path) -> Path:
    (tmp_path / "shelf.py").write_text(SERVICE)
    (tmp_path / "test_shelf.py").write_text(TEST)
    (tmp_path / "shelf_migrations").mkdir()
    table = "create table things (name text primary key);"
    (tmp_path / "shelf_migrations/0001_things.sql").write_text(table)
    return tmp_path


def tried(folder: Path, store: str, *options: str) -> str:
    text = f'[app]\nname = "tried"\nservices = ["shelf"]\nstore = "{store}"\n'
    (folder / "outgrow.toml").write_text(text)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-sv", "-p", "no:randomly", *options],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_world_has_fresh_stores_of_the_kind_that_is_configured(program: Path) -> None:
    told = tried(program, "sqlite", "--world=together")
    assert "kind: together NoneType" in told
    assert "test_marked[together-sqlite] PASSED" in told
    assert "test_marked[together-postgres] PASSED" in told
    assert "test_alone PASSED" in told

    # Nobody answers there, and nobody is asked.
    told = tried(program, "postgresql://tried:secret@127.0.0.1:1/tried")
    for world in ("together", "wired", "apart"):
        assert f"kind: {world} str" in told
    assert not (program / ".outgrow").exists()


def test_the_kind_can_be_chosen(program: Path) -> None:
    assert "kind: together NoneType" in tried(program, "postgres", "--store=sqlite")
    told = tried(program, "sqlite", "--store=all", "--world=together")
    assert "test_kind[together-sqlite] PASSED" in told.replace("kind: together NoneType\n", "")
    assert "kind: together str" in told
