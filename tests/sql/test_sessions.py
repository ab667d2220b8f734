"""Functions with a session of SQLAlchemy, in units of work and snapshots, on both databases."""

from __future__ import annotations

import asyncio
import enum
import gc
import subprocess
import sys
import threading
from collections.abc import Callable
from contextvars import ContextVar
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import ForeignKey, func, insert, select, text, update
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship
from sqlalchemy.orm.exc import DetachedInstanceError

from outgrow.contracts import Record
from outgrow.errors import (
    ExtraMissing,
    StatementFailed,
    StatementInterrupted,
    StatementRefused,
    TransactionClosed,
)
from outgrow.store import Store, Transaction
from outgrow.store.alchemy import COLUMN_TYPES
from tests.sql.conftest import Make

TABLES = """
create table author (id integer primary key autoincrement, name text not null unique) strict;
create table book (
    id integer primary key,
    author_id integer not null references author (id),
    title text not null
) strict;
create table kept (
    id text primary key,
    truth integer not null, number integer not null, ratio real not null, text text not null,
    data blob not null, moment text not null, day text not null, at text not null,
    lasts integer not null, digits text not null, items text not null, color text not null,
    empty text
) strict;
"""


class Color(enum.Enum):
    RED = "r"
    BLUE = "b"


class Base(DeclarativeBase):
    type_annotation_map = COLUMN_TYPES


class Author(Base):
    __tablename__ = "author"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    books: Mapped[list[Book]] = relationship(back_populates="author")


class Book(Base):
    __tablename__ = "book"
    id: Mapped[int] = mapped_column(primary_key=True)
    author_id: Mapped[int] = mapped_column(ForeignKey("author.id"))
    title: Mapped[str]
    author: Mapped[Author] = relationship(back_populates="books")


class Kept(Base):
    __tablename__ = "kept"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    truth: Mapped[bool]
    number: Mapped[int]
    ratio: Mapped[float]
    text: Mapped[str]
    data: Mapped[bytes]
    moment: Mapped[datetime]
    day: Mapped[date]
    at: Mapped[time]
    lasts: Mapped[timedelta]
    digits: Mapped[Decimal]
    items: Mapped[list[int]]
    color: Mapped[Color]
    empty: Mapped[date | None]


class KeptRecord(Record):
    id: UUID
    truth: bool
    number: int
    ratio: float
    text: str
    data: bytes
    moment: datetime
    day: date
    at: time
    lasts: timedelta
    digits: Decimal
    items: list[int]
    color: Color
    empty: date | None


VALUES: dict[str, Any] = {
    "id": UUID(int=7),
    "truth": True,
    "number": 2**62,
    "ratio": 1.5,
    "text": "naïve 🐢",
    "data": b"\x00\xff",
    "moment": datetime(2030, 1, 2, 3, 4, 5, 678901, tzinfo=UTC),
    "day": date(2030, 1, 2),
    "at": time(3, 4, 5),
    "lasts": timedelta(days=1, microseconds=1),
    "digits": Decimal("12345678901234567890.10"),
    "items": [1, 2],
    "color": Color.BLUE,
    "empty": None,
}


@pytest.fixture
async def store(make: Make) -> Store:
    return await make(TABLES)


def add(session: Session, name: str, *titles: str) -> Author:
    author = Author(name=name, books=[Book(title=title) for title in titles])
    session.add(author)
    return author


def names(session: Session) -> list[str]:
    return list(session.scalars(select(Author.name).order_by(Author.name)))


async def names_in(store: Store) -> list[str]:
    async with store.read() as snapshot:
        return await snapshot.run(names)


async def test_a_session_and_plain_statements_share_one_transaction(store: Store) -> None:
    async def unit(tx: Transaction) -> list[str]:
        author = await tx.run(add, "ada", "one", "two")
        await tx.execute("insert into author (name) values (:name)", name="bob")
        assert author.id == 1
        return await tx.run(names)

    assert await store.transact(unit) == ["ada", "bob"]
    async with store.read() as snapshot:
        assert await snapshot.fetch_all(str, "select title from book order by id") == ["one", "two"]

        def by_title(session: Session, title: str) -> str:
            return session.scalars(select(Book).where(Book.title == title)).one().author.name

        assert await snapshot.run(by_title, title="two") == "ada"


async def test_what_a_unit_that_fails_did_through_a_session_is_gone(store: Store) -> None:
    async def unit(tx: Transaction) -> None:
        await tx.run(add, "ada")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await store.transact(unit)
    assert await names_in(store) == []


async def test_a_function_that_raises_is_taken_back_and_the_unit_goes_on(store: Store) -> None:
    def add_and_fail(session: Session) -> None:
        add(session, "bob")
        session.flush()
        raise KeyError("own")

    async def unit(tx: Transaction) -> None:
        await tx.run(add, "ada")
        with pytest.raises(KeyError, match="own"):
            await tx.run(add_and_fail)
        with pytest.raises(StatementFailed) as caught:
            await tx.run(add, "ada")
        assert caught.value.kind == "IntegrityError"
        await tx.run(add, "cyd")

    await store.transact(unit)
    assert await names_in(store) == ["ada", "cyd"]


async def test_a_nested_transaction_may_fail_alone(store: Store) -> None:
    def get_or_add(session: Session, name: str) -> int:
        try:
            with session.begin_nested():
                return add(session, name).id
        except IntegrityError:
            return session.scalars(select(Author.id).where(Author.name == name)).one()

    async def unit(tx: Transaction) -> None:
        await tx.run(add, "ada")
        assert await tx.run(get_or_add, "ada") == 1
        await tx.run(add, "bob")

    await store.transact(unit)
    assert await names_in(store) == ["ada", "bob"]


async def test_a_failure_that_is_swallowed_is_not_forgotten(store: Store) -> None:
    def swallow(session: Session) -> None:
        for name in ("ada", "ada", "bob"):
            try:
                session.execute(insert(Author).values(name=name))
            except (SQLAlchemyError, StatementFailed):
                continue

    async def unit(tx: Transaction) -> None:
        with pytest.raises(StatementFailed) as caught:
            await tx.run(swallow)
        assert caught.value.kind == "IntegrityError"

    await store.transact(unit)
    assert await names_in(store) == []


def connect_again(session: Session) -> None:
    with session.get_bind().engine.connect() as connection:
        connection.execute(text("delete from outgrow_meta"))


REFUSED: list[Callable[[Session], Any]] = [
    lambda s: s.commit(),
    lambda s: s.rollback(),
    lambda s: s.close(),
    lambda s: s.connection().commit(),
    lambda s: s.connection().rollback(),
    lambda s: s.connection().close(),
    lambda s: s.get_transaction().commit(),  # type: ignore[union-attr]
    lambda s: s.execute(text("commit")),
    lambda s: s.execute(text("savepoint mine")),
    lambda s: s.execute(text("create table mine (n integer)")),
    lambda s: s.execute(text("delete from outgrow_meta")),
    lambda s: s.execute(text('select * from "outgrow_meta"')),
    lambda s: s.execute(text("select * from outgrow_meta").execution_options(yield_per=1)),
    lambda s: s.connection().exec_driver_sql("delete from outgrow_meta"),
    connect_again,
    lambda s: s.execute(text("pragma foreign_keys = off")),
    lambda s: s.execute(text("set session authorization default")),
]


@pytest.mark.parametrize("number", range(len(REFUSED)))
@pytest.mark.parametrize("swallows", [False, True])
async def test_what_only_the_unit_does_is_refused(
    store: Store, number: int, swallows: bool
) -> None:
    act = REFUSED[number]

    def work(session: Session) -> None:
        add(session, "ada")
        session.flush()
        try:
            act(session)
        except Exception:
            if not swallows:
                raise

    async def unit(tx: Transaction) -> None:
        await tx.run(work)

    with pytest.raises((StatementRefused, StatementFailed)) as caught:
        await store.transact(unit)
    if "set session" not in str(caught.value):
        assert isinstance(caught.value, StatementRefused)
    assert await names_in(store) == []


async def test_a_refused_statement_loses_the_unit_even_if_all_is_swallowed(store: Store) -> None:
    async def unit(tx: Transaction) -> None:
        try:
            await tx.run(lambda session: session.commit())
        except StatementRefused:
            return

    with pytest.raises(StatementRefused):
        await store.transact(unit)


async def test_a_snapshot_only_reads(store: Store) -> None:
    async with store.read() as snapshot:
        assert await snapshot.run(names) == []
        with pytest.raises(StatementRefused):
            await snapshot.run(add, "ada")
    assert await names_in(store) == []


async def test_a_function_that_blocks_loses_the_unit(store: Store) -> None:
    def block(session: Session) -> None:
        add(session, "ada")
        session.flush()
        threading.Event().wait(1.05)

    async def unit(tx: Transaction) -> None:
        await tx.run(block)

    with pytest.raises(StatementInterrupted, match=r"block.*interrupted after 1 s"):
        await store.transact(unit)
    assert await names_in(store) == []


async def test_a_statement_without_end_is_interrupted(store: Store) -> None:
    endless = "with recursive c(n) as (select 1 union all select n + 1 from c) select max(n) from c"

    async def unit(tx: Transaction) -> None:
        await tx.run(lambda session: session.execute(text(endless)))

    with pytest.raises(StatementInterrupted):
        await store.transact(unit)
    assert await names_in(store) == []


async def test_an_async_function_is_refused(store: Store) -> None:
    async def work(session: Session) -> None:
        raise AssertionError(session)

    async def unit(tx: Transaction) -> None:
        await tx.run(work)

    with pytest.raises(StatementRefused, match=r"work is async"):
        await store.transact(unit)


async def test_objects_come_out_detached_with_what_was_loaded(store: Store) -> None:
    async def unit(tx: Transaction) -> Author:
        return await tx.run(add, "ada", "one")

    author = await store.transact(unit)
    assert (author.id, author.name) == (1, "ada")

    def load(session: Session) -> Author:
        return session.scalars(select(Author)).one()

    async with store.read() as snapshot:
        loaded = await snapshot.run(load)
    with pytest.raises(DetachedInstanceError):
        assert loaded.books


async def test_a_session_that_was_kept_does_nothing(store: Store) -> None:
    kept: list[Session] = []

    async def unit(tx: Transaction) -> Transaction:
        await tx.run(kept.append)
        return tx

    tx = await store.transact(unit)
    with pytest.raises(SQLAlchemyError):
        kept[0].execute(select(Author))
    with pytest.raises(TransactionClosed):
        await tx.run(names)


async def test_a_call_that_is_not_awaited_is_told(store: Store) -> None:
    async def unit(tx: Transaction) -> None:
        tx.run(names).close()  # type: ignore[attr-defined]

    with pytest.raises(StatementRefused, match="not awaited"):
        await store.transact(unit)


async def test_rows_may_be_taken_in_parts(store: Store) -> None:
    def work(session: Session) -> list[int]:
        session.execute(insert(Author), [{"name": f"{n:02}"} for n in range(25)])
        asked = select(Author.name).order_by(Author.name).execution_options(yield_per=10)
        found = session.scalars(asked)
        return [len(part) for part in found.partitions()]

    async def unit(tx: Transaction) -> list[int]:
        return await tx.run(work)

    assert await store.transact(unit) == [10, 10, 5]


async def test_no_update_is_lost_between_sessions(store: Store) -> None:
    def rename(session: Session, swallows: bool) -> None:
        author = session.scalars(select(Author)).one()
        author.name += "x"
        try:
            session.flush()
        except SQLAlchemyError:
            if not swallows:
                raise

    async def unit(tx: Transaction, swallows: bool) -> None:
        await tx.run(rename, swallows)

    async def begin(tx: Transaction) -> None:
        await tx.run(add, "")

    await store.transact(begin)
    async with asyncio.TaskGroup() as group:
        for number in range(20):
            group.create_task(store.transact(unit, number % 2 == 0))
    assert await names_in(store) == ["x" * 20]


async def test_a_unit_that_is_cancelled_in_a_function_is_committed_first(store: Store) -> None:
    begun = asyncio.Event()
    loop = asyncio.get_running_loop()

    def work(session: Session) -> None:
        loop.call_soon_threadsafe(begun.set)
        for number in range(50):
            add(session, f"{number:02}")
            session.flush()

    async def unit(tx: Transaction) -> None:
        await tx.run(work)

    task = loop.create_task(store.transact(unit))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert len(await names_in(store)) == 50


async def test_what_is_remembered_of_a_connection_goes_with_it(make: Make) -> None:
    from outgrow.store.alchemy.postgres import _doors

    store = await make(TABLES)
    await names_in(store)
    await store.close()
    del store
    gc.collect()
    assert len(_doors) == 0


async def test_a_function_has_the_context_of_its_unit(store: Store) -> None:
    variable: ContextVar[str] = ContextVar("variable")

    async def unit(tx: Transaction) -> str:
        variable.set("seen")
        return await tx.run(lambda _: variable.get())

    assert await store.transact(unit) == "seen"


async def test_core_inserts_many_and_updates(store: Store) -> None:
    def work(session: Session) -> int:
        session.execute(insert(Author), [{"name": f"a{n:02}"} for n in range(50)])
        session.execute(update(Author).where(Author.name < "a10").values(name="x" + Author.name))
        return session.scalar(select(func.count()).select_from(Author)) or 0

    async def unit(tx: Transaction) -> int:
        return await tx.run(work)

    assert await store.transact(unit) == 50
    assert (await names_in(store))[-1] == "xa09"


async def test_a_column_holds_the_same_through_sqlalchemy_and_through_statements(
    store: Store,
) -> None:
    def keep(session: Session) -> None:
        session.add(Kept(**VALUES))

    def load(session: Session) -> list[Kept]:
        return list(session.scalars(select(Kept).order_by(Kept.id)))

    columns = ", ".join(VALUES)
    marks = ", ".join(f":{name}" for name in VALUES)

    async def unit(tx: Transaction) -> list[Kept]:
        await tx.run(keep)
        other = VALUES | {"id": UUID(int=8)}
        await tx.execute(f"insert into kept ({columns}) values ({marks})", **other)
        rows = await tx.fetch_all(KeptRecord, f"select {columns} from kept order by id")
        assert rows == [KeptRecord(**VALUES), KeptRecord(**other)]
        return await tx.run(load)

    one, other = await store.transact(unit)
    for name, value in VALUES.items():
        assert getattr(one, name) == value
        if name != "id":
            assert getattr(other, name) == value


async def test_without_sqlalchemy_the_extra_is_named(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "outgrow.store.alchemy", None)

    async def unit(tx: Transaction) -> None:
        await tx.run(names)

    with pytest.raises(ExtraMissing, match=r"outgrow\[sqlalchemy\]"):
        await store.transact(unit)


def test_sessions_on_sqlite_need_no_driver_of_postgresql(tmp_path: Path) -> None:
    program = """
import asyncio, pathlib, sys
sys.modules["asyncpg"] = None
from outgrow.clock import SystemClock
from outgrow.store import open_store
from sqlalchemy import text

async def unit(tx):
    return await tx.run(lambda session: session.execute(text("select 7")).scalar())

async def main():
    where = pathlib.Path(sys.argv[1])
    async with await open_store(
        where, application="shop", service="s", clock=SystemClock()
    ) as store:
        print(await store.transact(unit))

asyncio.run(main())
"""
    command = [sys.executable, "-c", program, tmp_path / "s.sqlite3"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    assert (done.stdout, done.stderr) == ("7\n", "")
