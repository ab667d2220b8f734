"""Two services for the failover: one records what it is told, the other hears of it."""

from outgrow import (
    Contract,
    Event,
    Record,
    Store,
    Transaction,
    command,
    on,
    query,
    service,
    transactional,
)


class Said(Event, key="teller"):
    teller: str
    number: int


class Numbers(Record):
    numbers: list[int]


class Tellers(Contract):
    @command()
    async def say(self, teller: str, number: int) -> None: ...

    @query()
    async def said(self) -> Numbers: ...

    @query()
    async def heard(self) -> Numbers: ...


class Row(Record):
    number: int


@service
class TellersService(Tellers):
    store: Store

    @transactional
    async def say(self, tx: Transaction, teller: str, number: int) -> None:
        await tx.execute("insert into said (number) values (:number)", number=number)
        await tx.record(Said(teller=teller, number=number))

    async def said(self) -> Numbers:
        return await self._numbers("select number from said order by number")

    async def heard(self) -> Numbers:
        return await self._numbers("select number from heard order by place")

    @on(Said)
    async def hear(self, tx: Transaction, event: Said) -> None:
        await tx.execute("insert into heard (number) values (:number)", number=event.number)

    async def _numbers(self, sql: str) -> Numbers:
        async with self.store.read() as snapshot:
            rows = await snapshot.fetch_all(Row, sql)
        return Numbers(numbers=[row.number for row in rows])
