"""``outgrow store migrate``: tables are brought up to date, and nothing is started."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from outgrow.process import Options, start_application
from outgrow.topology import read_topology

SERVICE = """
from outgrow import Contract, Store, Transaction, command, service, transactional

class {name}(Contract):
    @command()
    async def add(self, word: str) -> None: ...

@service
class {name}Service({name}):
    store: Store

    @transactional
    async def add(self, tx: Transaction, word: str) -> None:
        await tx.execute("insert into word values (:word)", word=word)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("One", "Two"):
        module = f"migrated_{name.lower()}"
        (tmp_path / f"{module}.py").write_text(SERVICE.format(name=name))
        migrations = tmp_path / f"{module}_migrations"
        migrations.mkdir()
        (migrations / "0001_words.sql").write_text("create table word (word text primary key);")
    write(tmp_path, "sqlite")
    return tmp_path


def write(folder: Path, store: str) -> None:
    services = '["migrated_one", "migrated_two"]'
    text = f'[app]\nname = "words"\nservices = {services}\nstore = "{store}"\n'
    (folder / "outgrow.toml").write_text(text)


def migrate(folder: Path, *words: str) -> tuple[int, str, str]:
    return outgrow(folder, "migrate", *words)


def outgrow(folder: Path, *words: str) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "outgrow", "store", *words],
        cwd=folder,
        env=dict(os.environ),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def test_what_is_pending_is_applied_tried_and_told(folder: Path) -> None:
    (folder / "migrated_one.py").write_text("raise RuntimeError('no code of it runs')")
    version = "journal, version 2; sagas, version 1; 0001_words.sql"
    assert migrate(folder, "--dry-run", "migrated_one") == (
        0,
        f"migrated_one: would apply {version}\n",
        "",
    )
    assert not list(folder.rglob("*.sqlite3"))
    assert migrate(folder) == (
        0,
        f"migrated_one: applied {version}\nmigrated_two: applied {version}\n",
        "",
    )
    (folder / "migrated_two_migrations/0002_more.sql").write_text("create table more (n integer);")
    status, told, _ = migrate(folder, "--json")
    assert status == 0
    assert json.loads(told) == [
        {"service": "migrated_one", "has_store": True, "brought": []},
        {"service": "migrated_two", "has_store": True, "brought": ["0002_more.sql"]},
    ]
    assert migrate(folder, "migrated_two") == (0, "migrated_two: up to date\n", "")


def test_what_was_done_before_a_failure_is_told(folder: Path) -> None:
    (folder / "migrated_two_migrations/0002_more.sql").write_text("nonsense;")
    status, told, errors = migrate(folder)
    assert status == 1
    assert told.startswith("migrated_one: applied")
    assert "0002_more.sql:1: " in errors


def test_an_unknown_service_is_told(folder: Path) -> None:
    status, told, errors = migrate(folder, "three")
    assert (status, told) == (2, "")
    assert "no service 'three'" in errors


async def test_a_store_in_use_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(folder))
    async with start_application(read_topology(folder / "outgrow.toml"), Options()):
        status, _, errors = migrate(folder)
    assert status == 1
    assert "has it open" in errors


async def test_a_store_in_postgresql_is_migrated_while_it_runs(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(folder, "postgres")
    status, told, _ = migrate(folder)
    assert (status, told.count("no database yet")) == (0, 2)
    monkeypatch.syspath_prepend(str(folder))
    async with start_application(read_topology(folder / "outgrow.toml"), Options()):
        (folder / "migrated_one_migrations/0002_x.sql").write_text("create table x (n integer);")
        status, told, errors = migrate(folder)
    assert errors == ""
    assert told == "migrated_one: applied 0002_x.sql\nmigrated_two: up to date\n"


ENV = """
import datetime
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from outgrow.store.alchemy import COLUMN_TYPES, run_migrations

class Base(DeclarativeBase):
    type_annotation_map = COLUMN_TYPES

class Word(Base):
    __tablename__ = "word"
    word: Mapped[str] = mapped_column(primary_key=True)
    at: Mapped[datetime.datetime]

run_migrations(Base.metadata)
"""


def test_a_revision_of_alembic_is_written_applied_and_counted(folder: Path) -> None:
    migrations = folder / "migrated_one_migrations"
    (migrations / "0001_words.sql").unlink()
    (migrations / "versions").mkdir()
    (migrations / "env.py").write_text(ENV)
    status, told, errors = outgrow(folder, "revision", "migrated_one", "-m", "make words")
    assert (status, errors) == (0, "")
    (path,) = (migrations / "versions").glob("*_make_words.py")
    assert told == f"written: {path}\n"
    assert "sa.Column('at', sa.Text(), nullable=False)" in path.read_text()

    status, told, errors = migrate(folder, "migrated_one")
    assert (status, errors) == (0, "")
    assert told.endswith(f"; {path.stem.partition('_')[0]} (make words)\n")
    assert outgrow(folder, "status", "migrated_one")[1].splitlines()[1].split()[4] == "1"

    (migrations / "0001_words.sql").write_text("create table word (word text primary key);")
    status, _, errors = migrate(folder, "migrated_one")
    assert status == 1
    assert "A service has one history" in errors


def test_a_service_without_alembic_has_no_revisions(folder: Path) -> None:
    status, _, errors = outgrow(folder, "revision", "migrated_one", "-m", "x")
    assert status == 1
    assert "no folder 'versions'" in errors
