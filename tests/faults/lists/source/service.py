"""How the source keeps its promise."""

from datetime import timedelta

from outgrow import Store, Transaction, on, service, transactional
from tests.faults.lists.source.contract import Appended, Source


@service
class SourceService(Source):
    store: Store

    @transactional
    async def append(self, tx: Transaction, name: str, values: list[int]) -> int:
        for value in values:
            await _append(tx, name, value)
        return len(values)

    @transactional
    async def append_later(self, tx: Transaction, name: str, value: int, seconds: int) -> None:
        event = Appended(name=name, value=value)
        await tx.later(timedelta(seconds=seconds), name=f"{name}-{value}").record(event)

    @transactional
    async def confirm(self, tx: Transaction, name: str, value: int) -> None:
        sql = "insert into confirmed (name, value) values (:name, :value)"
        await tx.execute(sql, name=name, value=value)

    async def count(self) -> int:
        async with self.store.read() as snapshot:
            return await snapshot.fetch_one(int, "select count(*) from item")

    @on(Appended)
    async def note(self, tx: Transaction, event: Appended) -> None:
        """Listen to the service's own events."""
        sql = "insert into noted (name, value) values (:name, :value)"
        await tx.execute(sql, name=event.name, value=event.value)


async def _append(tx: Transaction, name: str, value: int) -> None:
    sql = "insert into item (name, value) values (:name, :value)"
    await tx.execute(sql, name=name, value=value)
    await tx.record(Appended(name=name, value=value))
