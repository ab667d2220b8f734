"""How counting is done."""

from counting.contract import Counted, Counting
from outgrow import Store, Transaction, service, transactional


@service
class CountingService(Counting):
    """One update, one event, and the reply."""

    store: Store

    @transactional
    async def count(self, tx: Transaction, account_id: int) -> int:
        await tx.execute(
            "update accounts set count = count + 1 where account_id = :account_id",
            account_id=account_id,
        )
        await tx.record(Counted(account_id=account_id, count=1))
        return account_id

    async def get_count(self, account_id: int) -> int:
        async with self.store.read() as snapshot:
            return await snapshot.fetch_one(
                int, "select count from accounts where account_id = :id", id=account_id
            )
