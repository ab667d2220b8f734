"""How payments keeps its promise."""

from outgrow import Settings, Store, Transaction, service, transactional
from shop.notifications.contract import LetterKind, Notifications
from shop.payments.contract import (
    CardRefused,
    Charge,
    Charged,
    ChargeState,
    Ledger,
    Payments,
    Refunded,
    UnknownCharge,
)

CHARGE = "select order_id, user_id, cents, state from charges where order_id = :order_id"


class PaymentsSettings(Settings):
    """How payments is set up."""

    limit_cents: int = 30_000  # What a card covers at most.


@service
class PaymentsService(Payments):
    """Charges a card, and gives the money back; both with a letter."""

    notifications: Notifications
    settings: PaymentsSettings
    store: Store

    async def get_charge(self, order_id: str) -> Charge:
        async with self.store.read() as snapshot:
            charge = await snapshot.fetch_optional(Charge, CHARGE, order_id=order_id)
        if charge is None:
            raise UnknownCharge(order_id=order_id)
        return charge

    async def get_ledger(self) -> Ledger:
        async with self.store.read() as snapshot:
            return await snapshot.fetch_one(
                Ledger,
                "select count(*) as charges,"
                " count(case when state = 'refunded' then 1 end) as refunds,"
                " coalesce(sum(case when state = 'charged' then cents end), 0) as balance_cents"
                " from charges",
            )

    @transactional
    async def charge(self, tx: Transaction, order_id: str, user_id: str, cents: int) -> None:
        if cents > self.settings.limit_cents:
            raise CardRefused(cents=cents)
        charge = Charge(order_id=order_id, user_id=user_id, cents=cents, state=ChargeState.CHARGED)
        await tx.execute(
            "insert into charges (order_id, user_id, cents, state)"
            " values (:order_id, :user_id, :cents, :state)",
            order_id=order_id,
            user_id=user_id,
            cents=cents,
            state=charge.state,
        )
        await tx.record(Charged(order_id=order_id, user_id=user_id, cents=cents))
        await self._write(tx, LetterKind.RECEIPT, charge)

    @transactional
    async def refund(self, tx: Transaction, order_id: str) -> None:
        refunded = await tx.execute(
            "update charges set state = 'refunded'"
            " where order_id = :order_id and state = 'charged'",
            order_id=order_id,
        )
        if refunded:
            charge = await tx.fetch_one(Charge, CHARGE, order_id=order_id)
            await tx.record(Refunded(order_id=order_id, cents=charge.cents))
            await self._write(tx, LetterKind.REFUND, charge)

    async def _write(self, tx: Transaction, kind: LetterKind, charge: Charge) -> None:
        """Have a letter written after the commit."""
        text = f"${charge.cents / 100:.2f} for order {charge.order_id}."
        await tx.send(self.notifications.write, charge.user_id, kind, charge.order_id, text)
