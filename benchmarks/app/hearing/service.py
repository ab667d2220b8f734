"""How hearing is done."""

from counting.contract import Counted

from hearing.contract import Hearing
from outgrow import Store, Transaction, on, service


@service
class HearingService(Hearing):
    """One update for each event."""

    store: Store

    @on(Counted)
    async def hear(self, tx: Transaction, event: Counted) -> None:
        """Count what was counted."""
        await tx.execute(
            "update heard set count = count + :count where account_id = :account_id",
            count=event.count,
            account_id=event.account_id,
        )
