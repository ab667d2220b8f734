"""A service whose commands are steps of the orders' sagas."""

from __future__ import annotations

from typing import Any

from outgrow import Saga, Store, Transaction, saga, transactional
from outgrow.contracts import Contract, Problem, Record, command, query

MIGRATION = """
create table held (name text not null, count integer not null);
create table moved (name text primary key, place text not null);
"""


class Full(Problem, status="failed_precondition"):
    """There is no room for {name}."""

    name: str


class Line(Record):
    sku: str
    count: int = 1


class Stock(Contract):
    @command(raises=[Full])
    async def hold(self, name: str, count: int = 1) -> int: ...

    @command()
    async def hold_lines(self, lines: list[Line], weight: float = 1.0) -> list[Line]: ...

    @command()
    async def release(self, name: str) -> None: ...

    @command()
    async def release_slowly(self, name: str) -> None: ...

    @command(raises=[Full])
    async def move(self, name: str, place: str) -> str: ...

    @command()
    async def move_back(self, name: str) -> None: ...

    @command()
    async def plain(self, name: str) -> str: ...

    @command(repeat="unsafe")
    async def dump(self, name: str) -> None: ...

    @query()
    async def count(self, name: str) -> int: ...


class StockService(Stock):
    """
    Attributes:
        bodies: What the saga `move` does, by its first argument.
        trouble: What methods raise next, by their names.
        did: The effects in their order, also those that were rolled back.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self.bodies: dict[str, Any] = {}
        self.trouble: dict[str, list[Exception]] = {}
        self.did: list[str] = []

    @transactional
    async def hold(self, tx: Transaction, name: str, count: int = 1) -> int:
        self._begin("hold", name)
        await tx.execute("insert into held values (:name, :count)", name=name, count=count)
        if count > 100:
            raise Full(name=name)
        return await tx.fetch_one(int, "select sum(count) from held where name = :name", name=name)

    @transactional
    async def hold_lines(
        self, tx: Transaction, lines: list[Line], weight: float = 1.0
    ) -> list[Line]:
        self._begin("hold_lines", str(len(lines)))
        return lines

    @transactional
    async def release(self, tx: Transaction, name: str) -> None:
        self._begin("release", name)
        await tx.execute("delete from held where name = :name", name=name)

    @saga
    async def release_slowly(self, run: Saga, name: str) -> None:
        await run.step(self.take_out, name)

    @transactional
    async def take_out(self, tx: Transaction, name: str) -> None:
        self._begin("take_out", name)
        await tx.execute("delete from held where name = :name", name=name)

    @saga
    async def move(self, run: Saga, name: str, place: str) -> str:
        if name in self.bodies:
            await self.bodies[name](run)
        return await run.step(self.put, name, place).undo(self.put_back, name)

    @transactional
    async def put(self, tx: Transaction, name: str, place: str) -> str:
        self._begin("put", name)
        await tx.execute("insert into moved values (:name, :place)", name=name, place=place)
        if place == "nowhere":
            raise Full(name=name)
        return place

    @transactional
    async def put_back(self, tx: Transaction, name: str) -> None:
        self._begin("put_back", name)
        await tx.execute("delete from moved where name = :name", name=name)

    @transactional
    async def move_back(self, tx: Transaction, name: str) -> None:
        self._begin("move_back", name)
        await tx.execute("delete from moved where name = :name", name=name)

    async def plain(self, name: str) -> str:
        self._begin("plain", name)
        return name

    async def dump(self, name: str) -> None:
        self._begin("dump", name)

    async def count(self, name: str) -> int:
        self._begin("count", name)
        async with self.store.read() as snapshot:
            sql = "select coalesce(sum(count), 0) from held where name = :name"
            return await snapshot.fetch_one(int, sql, name=name)

    def _begin(self, method: str, name: str) -> None:
        if errors := self.trouble.get(method):
            raise errors.pop(0)
        self.did.append(f"{method} {name}")
