"""Alembic's revisions on the store's own connection, in the transaction of the opening."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from outgrow.clock import SystemClock
from outgrow.errors import MigrationFailed, StoreUnreadable
from outgrow.store import bring_up_to_date, open_store

ENV = """
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from outgrow.store.alchemy import COLUMN_TYPES, run_migrations

class Base(DeclarativeBase):
    type_annotation_map = COLUMN_TYPES

class Item(Base):
    __tablename__ = "item"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]

run_migrations(Base.metadata)
"""
REVISION = '''"""{about}"""
import sqlalchemy as sa
from alembic import op

revision, down_revision = "{name}", {down}

def upgrade() -> None:
    {body}

def downgrade() -> None:
    raise NotImplementedError
'''
FIRST = """op.create_table(
        "item",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True),
        sa.Column("name", sa.Text(), nullable=False),
    )
    op.create_table(
        "child",
        sa.Column("item_id", sa.BigInteger(), sa.ForeignKey("item.id"), nullable=False),
    )
    op.execute("insert into item (name) values ('a')")
    op.execute("insert into child select id from item")"""
BATCH = """with op.batch_alter_table("item") as batch:
        batch.add_column(sa.Column("n", sa.BigInteger(), nullable=False, server_default="7"))
        batch.alter_column("name", new_column_name="title")
        batch.create_check_constraint("positive", "n > 0")"""


class Place:
    def __init__(self, where: Path | str, folder: Path) -> None:
        self.where = where
        self.folder = folder

    def write(self, name: str, body: str, down: str | None = None) -> Path:
        path = self.folder / "versions" / f"{name}.py"
        text = REVISION.format(about=f"About {name}", name=name, down=repr(down), body=body)
        path.write_text(text)
        return path

    @property
    def options(self) -> dict[str, Any]:
        return {
            "application": "shop",
            "service": "s",
            "clock": SystemClock(),
            "migrations": self.folder,
        }

    async def bring(self, **options: Any) -> list[str]:
        return await bring_up_to_date(self.where, **self.options | options)

    async def rows(self, sql: str) -> list[tuple[Any, ...]]:
        store = await open_store(self.where, **self.options)
        async with store, store.read() as snapshot:
            return await snapshot.own(sql)


@pytest.fixture(params=["env", "plain"])
async def place(dialect: str, tmp_path: Path, request: pytest.FixtureRequest) -> Place:
    where: Path | str = tmp_path / "s.sqlite3"
    if dialect == "postgresql":
        where = await request.getfixturevalue("outgrow_postgres").database()
    folder = tmp_path / "migrations"
    (folder / "versions").mkdir(parents=True)
    if request.param == "env":
        (folder / "env.py").write_text(ENV)
    place = Place(where, folder)
    place.write("one", FIRST)
    return place


async def test_revisions_are_applied_once_in_order(place: Place) -> None:
    assert await place.bring() == ["one (About one)"]
    assert await place.bring() == []
    place.write("two", BATCH, "one")
    place.write("three", "op.execute(\"insert into item (title) values ('b')\")", "two")
    assert await place.bring(is_trial=True) == ["two (About two)", "three (About three)"]
    assert await place.bring() == ["two (About two)", "three (About three)"]
    assert await place.rows("select title, n from item order by id") == [("a", 7), ("b", 7)]
    assert await place.rows("select version_num from alembic_version") == [("three",)]
    assert await place.rows("select item_id from child") == [(1,)]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("op.execute('select * from nowhere')", "nowhere"),
        ("raise RuntimeError('own')", "own"),
        ("op.drop_table('outgrow_meta')", "not authorized|no more"),
        ("op.execute('commit')", "not authorized|no more"),
        ("op.get_bind().commit()", "one transaction"),
        ("with op.get_context().autocommit_block(): op.execute('select 1')", "Assertion|no more"),
    ],
)
async def test_a_revision_that_is_not_accepted_changes_nothing(
    place: Place, body: str, message: str
) -> None:
    await place.bring()
    text = f"op.execute(\"insert into item (name) values ('half')\")\n    {body}"
    path = place.write("two", text, "one")
    with pytest.raises(MigrationFailed, match=rf"two\.py:9: .*({message})"):
        await place.bring()
    path.unlink()
    assert await place.rows("select name from item") == [("a",)]


async def test_a_revision_that_is_not_known_was_applied_by_something_newer(place: Place) -> None:
    path = place.write("two", "pass", "one")
    await place.bring()
    path.unlink()
    with pytest.raises(StoreUnreadable, match="revision 'two' was applied to it"):
        await place.bring()


async def test_two_kinds_of_migrations_are_refused(place: Place) -> None:
    (place.folder / "0001_items.sql").write_text("create table x (n integer);")
    with pytest.raises(MigrationFailed, match="A service has one history"):
        await place.bring()


async def test_two_ends_of_the_history_are_refused(place: Place) -> None:
    place.write("two", "pass", "one")
    place.write("other", "pass", "one")
    with pytest.raises(MigrationFailed, match=r"[Mm]ultiple head"):
        await place.bring()


async def test_outside_of_outgrow_env_py_says_what_to_do(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not (place.folder / "env.py").exists():
        pytest.skip("there is no env.py")
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", str(place.folder))
    monkeypatch.setattr(sys, "argv", ["alembic"])
    with pytest.raises(CommandError, match="outgrow store migrate"):
        command.upgrade(config, "head")
