"""A till, which tells of each sale and asks the ledger to write a note."""

from outgrow import Contract, Event, Store, Transaction, command, query, service, transactional


class Sold(Event, key="article"):
    article: str
    cents: int


class Till(Contract):
    @command()
    async def sell(self, article: str, cents: int) -> int: ...

    @query()
    async def list_sales(self) -> list[int]: ...


@service
class TillService(Till):
    store: Store

    @transactional
    async def sell(self, tx: Transaction, article: str, cents: int) -> int:
        await tx.execute(
            "insert into sales (article, cents) values (:article, :cents)",
            article=article,
            cents=cents,
        )
        await tx.record(Sold(article=article, cents=cents))
        return await tx.fetch_one(int, "select max(number) from sales")

    async def list_sales(self) -> list[int]:
        async with self.store.read() as snapshot:
            return await snapshot.fetch_all(int, "select cents from sales order by number")
