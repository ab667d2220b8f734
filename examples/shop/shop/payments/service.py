"""How payments keeps its promise."""

from outgrow import Settings, Store, Transaction, on, service
from shop.notifications.contract import LetterKind, Notifications
from shop.orders.contract import OrderCancelled
from shop.payments.contract import (
    Charge,
    Charged,
    ChargeRefused,
    ChargeState,
    Ledger,
    Payments,
    Refunded,
    UnknownCharge,
)
from shop.stock.contract import ItemsHeld

CHARGE = "select order_id, user_id, cents, state from charges where order_id = :order_id"


class PaymentsSettings(Settings):
    """How payments is set up."""

    limit_cents: int = 30_000  # What a card covers at most.


@service
class PaymentsService(Payments):
    """Charges what is held; gives the money back if the order is cancelled after all."""

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
                "select count(case when state in ('charged', 'refunded') then 1 end) as charges,"
                " count(case when state = 'refused' then 1 end) as refusals,"
                " count(case when state = 'refunded' then 1 end) as refunds,"
                " coalesce(sum(case when state = 'charged' then cents end), 0) as balance_cents"
                " from charges",
            )

    @on(ItemsHeld)
    async def charge(self, tx: Transaction, event: ItemsHeld) -> None:
        """Charge the card, or refuse."""
        is_covered = event.total_cents <= self.settings.limit_cents
        charge = Charge(
            order_id=event.order_id,
            user_id=event.user_id,
            cents=event.total_cents,
            state=ChargeState.CHARGED if is_covered else ChargeState.REFUSED,
        )
        if not await self._insert(tx, charge):
            return  # Cancelled before it was heard of: `refund` was here first.
        if not is_covered:
            await tx.record(ChargeRefused(order_id=charge.order_id, cents=charge.cents))
            return
        await tx.record(
            Charged(order_id=charge.order_id, user_id=charge.user_id, cents=charge.cents)
        )
        await self._write(tx, LetterKind.RECEIPT, charge)

    @on(OrderCancelled)
    async def refund(self, tx: Transaction, event: OrderCancelled) -> None:
        """Give the money back, or remember not to charge."""
        refunded = await tx.execute(
            "update charges set state = 'refunded'"
            " where order_id = :order_id and state = 'charged'",
            order_id=event.order_id,
        )
        if refunded:
            charge = await tx.fetch_one(Charge, CHARGE, order_id=event.order_id)
            await tx.record(Refunded(order_id=charge.order_id, cents=charge.cents))
            await self._write(tx, LetterKind.REFUND, charge)
        else:
            cancelled = Charge(
                order_id=event.order_id,
                user_id=event.user_id,
                cents=0,
                state=ChargeState.CANCELLED,
            )
            await self._insert(tx, cancelled)

    async def _insert(self, tx: Transaction, charge: Charge) -> bool:
        """Whether this is the first that is known of the order."""
        inserted = await tx.execute(
            "insert into charges (order_id, user_id, cents, state)"
            " values (:order_id, :user_id, :cents, :state) on conflict (order_id) do nothing",
            order_id=charge.order_id,
            user_id=charge.user_id,
            cents=charge.cents,
            state=charge.state,
        )
        return inserted > 0

    async def _write(self, tx: Transaction, kind: LetterKind, charge: Charge) -> None:
        """Have a letter written after the commit."""
        text = f"${charge.cents / 100:.2f} for order {charge.order_id}."
        await tx.send(self.notifications.write, charge.user_id, kind, charge.order_id, text)
