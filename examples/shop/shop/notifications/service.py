"""How notifications keeps its promise."""

from outgrow import Store, Transaction, new_id, on, service, transactional
from shop.notifications.contract import Letter, LetterKind, LetterTotals, Notifications
from shop.orders.contract import OrderCancelled, OrderConfirmed
from shop.shipping.contract import ParcelCollected
from shop.users.contract import UserRegistered


@service
class NotificationsService(Notifications):
    """Keeps every letter in one table, where nothing would hide a doubled one."""

    store: Store

    @transactional
    async def write(
        self, tx: Transaction, user_id: str, kind: LetterKind, about: str, text: str
    ) -> None:
        await self._keep(tx, user_id, kind, about, text)

    async def list_letters(self, user_id: str) -> list[Letter]:
        async with self.store.read() as snapshot:
            return await snapshot.fetch_all(
                Letter,
                "select letter_id, user_id, kind, about, text from letters"
                " where user_id = :user_id order by letter_id limit 1000",
                user_id=user_id,
            )

    async def get_totals(self) -> LetterTotals:
        async with self.store.read() as snapshot:
            return await snapshot.fetch_one(
                LetterTotals,
                "select count(case when kind = 'welcome' then 1 end) as welcome,"
                " count(case when kind = 'confirmed' then 1 end) as confirmed,"
                " count(case when kind = 'cancelled' then 1 end) as cancelled,"
                " count(case when kind = 'receipt' then 1 end) as receipt,"
                " count(case when kind = 'refund' then 1 end) as refund,"
                " count(case when kind = 'sent' then 1 end) as sent,"
                " count(*) - (select count(*) from (select distinct kind, about from letters) d)"
                " as doubled from letters",
            )

    @on(UserRegistered)
    async def welcome(self, tx: Transaction, event: UserRegistered) -> None:
        """Greet a new user."""
        text = f"Welcome, {event.name}."
        await self._keep(tx, event.user_id, LetterKind.WELCOME, event.user_id, text)

    @on(OrderConfirmed)
    async def tell_confirmed(self, tx: Transaction, event: OrderConfirmed) -> None:
        """Say that the order is confirmed."""
        text = f"Order {event.order_id} is confirmed."
        await self._keep(tx, event.user_id, LetterKind.CONFIRMED, event.order_id, text)

    @on(OrderCancelled)
    async def tell_cancelled(self, tx: Transaction, event: OrderCancelled) -> None:
        """Say that the order is cancelled, and why."""
        text = f"Order {event.order_id} is cancelled, {event.reason}."
        await self._keep(tx, event.user_id, LetterKind.CANCELLED, event.order_id, text)

    @on(ParcelCollected)
    async def tell_sent(self, tx: Transaction, event: ParcelCollected) -> None:
        """Say that the order is on its way."""
        text = f"Order {event.order_id} is on its way."
        await self._keep(tx, event.user_id, LetterKind.SENT, event.order_id, text)

    async def _keep(
        self, tx: Transaction, user_id: str, kind: LetterKind, about: str, text: str
    ) -> None:
        await tx.execute(
            "insert into letters (letter_id, user_id, kind, about, text)"
            " values (:letter_id, :user_id, :kind, :about, :text)",
            letter_id=new_id(),
            user_id=user_id,
            kind=kind,
            about=about,
            text=text,
        )
