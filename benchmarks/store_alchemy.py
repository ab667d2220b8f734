"""
What a function with a session of SQLAlchemy costs, against the same work in plain statements.

Read is one object by its key in a snapshot, list is a hundred; write is one in a unit of its own.
All are of one task, one after the other, so a trip to the thread and back is in every figure.
"""

import asyncio
import itertools
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from time import perf_counter
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from benchmarks.measure import alternate_async
from outgrow.clock import SystemClock
from outgrow.contracts import Record
from outgrow.store import Store, Transaction, open_store
from outgrow.store.alchemy import COLUMN_TYPES
from outgrow.testing.databases import PostgresServer

TABLE = "create table item (id integer primary key, name text not null, count integer not null);"
CALLS = 400
ROWS = 100

Call = Callable[[], Awaitable[Any]]


class Base(DeclarativeBase):
    """What the mapped classes are registered with."""

    type_annotation_map = COLUMN_TYPES


class Item(Base):
    """A row, mapped."""

    __tablename__ = "item"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    count: Mapped[int]


class ItemRecord(Record):
    """The same row, plain."""

    id: int
    name: str
    count: int


@asynccontextmanager
async def _opened(where: Path | str) -> AsyncIterator[Store]:
    with tempfile.TemporaryDirectory(prefix="outgrow-") as folder:
        Path(folder, "0001_item.sql").write_text(TABLE)  # noqa: ASYNC240 - before anything runs
        store = await open_store(
            where,
            application="benchmark",
            service="item",
            clock=SystemClock(),
            migrations=Path(folder),
        )
        async with store:
            yield store


async def _microseconds(call: Call, calls: int = CALLS) -> float:
    started = perf_counter()
    for _ in range(calls):
        await call()
    return (perf_counter() - started) / calls * 1e6


class Work:
    """The same work twice, on one store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._ids = itertools.count(1)

    async def write_mapped(self) -> None:
        """One object."""
        await self._store.transact(_write_mapped, next(self._ids))

    async def write_plain(self) -> None:
        """One row."""
        await self._store.transact(_write_plain, next(self._ids))

    async def read_mapped(self) -> None:
        """One object by its key."""
        async with self._store.read() as snapshot:
            await snapshot.run(_get)

    async def read_plain(self) -> None:
        """One row by its key."""
        async with self._store.read() as snapshot:
            await snapshot.fetch_one(ItemRecord, "select * from item where id = :id", id=7)

    async def list_mapped(self) -> None:
        """Many objects."""
        async with self._store.read() as snapshot:
            await snapshot.run(_get_many)

    async def list_plain(self) -> None:
        """Many rows."""
        sql = "select id, name, count from item order by id limit :limit"
        async with self._store.read() as snapshot:
            await snapshot.fetch_all(ItemRecord, sql, limit=ROWS)


async def _write_mapped(tx: Transaction, number: int) -> None:
    await tx.run(_add, number)


async def _write_plain(tx: Transaction, number: int) -> None:
    await tx.execute(
        "insert into item (id, name, count) values (:id, :name, 0)",
        id=number,
        name=f"item {number}",
    )


def _add(session: Session, number: int) -> None:
    session.add(Item(id=number, name=f"item {number}", count=0))


def _get(session: Session) -> Item:
    return session.scalars(select(Item).where(Item.id == 7)).one()


def _get_many(session: Session) -> list[Item]:
    return list(session.scalars(select(Item).order_by(Item.id).limit(ROWS)))


async def _figures(database: str, where: Path | str) -> list[dict[str, Any]]:
    async with _opened(where) as store:
        work = Work(store)
        return [
            await _compare(f"store.alchemy.{database}.write", work.write_mapped, work.write_plain),
            await _compare(f"store.alchemy.{database}.read", work.read_mapped, work.read_plain),
            await _compare(f"store.alchemy.{database}.list", work.list_mapped, work.list_plain),
        ]


async def _compare(name: str, mapped: Call, plain: Call) -> dict[str, Any]:
    rounds = await alternate_async(lambda: _microseconds(mapped), lambda: _microseconds(plain))
    return rounds.figure(name, "us", of="the same in plain statements")


async def _run_sqlite() -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory(prefix="outgrow-") as folder:
        return await _figures("sqlite", Path(folder, "item.sqlite3"))


async def _run_postgres(server: PostgresServer) -> list[dict[str, Any]]:
    return await _figures("postgres", await server.database())


def run() -> Iterator[dict[str, Any]]:
    """The figures of SQLAlchemy on the store."""
    yield from asyncio.run(_run_sqlite())
    server = PostgresServer()
    server.start()
    try:
        yield from asyncio.run(_run_postgres(server))
    finally:
        server.stop()
