"""How orders keeps its promise."""

import asyncio
from collections.abc import AsyncIterator

from outgrow import Guarded, Saga, Store, Transaction, on, saga, service, transactional
from shop.orders.contract import (
    BeingCancelled,
    CancelledMeanwhile,
    Order,
    OrderCancelled,
    OrderConfirmed,
    OrderPlaced,
    Orders,
    OrderTotals,
    PlacedOrder,
    Status,
    UnknownOrder,
)
from shop.payments.contract import Payments
from shop.shipping.contract import Shipping
from shop.stock.contract import Line, Stock
from shop.users.contract import UserRegistered, UserRenamed, Users

ORDER = (
    "select order_id, user_id, lines, total_cents, status,"
    " coalesce((select name from users where users.user_id = orders_now.user_id), '') as user_name"
    " from orders_now"
)

WISHED = "as you wished"
PAUSE_SECONDS = 0.2


@service
class OrdersService(Orders):
    """Takes orders, and sees to it that each is fulfilled or undone."""

    users: Users
    stock: Stock
    payments: Payments
    shipping: Shipping
    store: Store

    @saga
    async def place_order(self, run: Saga, user_id: str, lines: list[Line]) -> PlacedOrder:
        await self.users.get_user(user_id)
        items = await self.stock.get_items([line.item_id for line in lines])
        total_cents = sum(
            item.price_cents * line.quantity for item, line in zip(items, lines, strict=True)
        )
        order_id = run.new_id()
        run.tag(order_id=order_id)
        await run.step(self.take, order_id, user_id, lines, total_cents).undo(self.drop, order_id)
        await run.step(self.stock.hold, order_id, lines).undo(self.stock.release, order_id)
        await run.step(self.payments.charge, order_id, user_id, total_cents).undo(
            self.payments.refund, order_id
        )
        await run.step(self.confirm, order_id).pivot()  # Nothing is undone from here on.
        await run.step(self.shipping.send, order_id, user_id)
        return PlacedOrder(order_id=order_id, total_cents=total_cents)

    @transactional
    async def take(
        self, tx: Transaction, order_id: str, user_id: str, lines: list[Line], total_cents: int
    ) -> None:
        """Take an order whose user and items are known."""
        await tx.execute(
            "insert into orders (order_id, user_id, lines, pieces, total_cents, status)"
            " values (:order_id, :user_id, :lines, :pieces, :total_cents, 'placed')",
            order_id=order_id,
            user_id=user_id,
            lines=lines,
            pieces=sum(line.quantity for line in lines),
            total_cents=total_cents,
        )
        await tx.record(
            OrderPlaced(order_id=order_id, user_id=user_id, lines=lines, total_cents=total_cents)
        )

    @transactional
    async def drop(self, tx: Transaction, order_id: str) -> None:
        """Cancel an order that cannot be fulfilled, unless its user was faster."""
        await self._cancel(tx, order_id, Status.PLACED, "because we cannot fulfil it")

    @transactional
    async def confirm(self, tx: Transaction, order_id: str) -> None:
        """Confirm what is held and paid, unless its user was faster and cancelled."""
        if not await self._move(tx, order_id, Status.PLACED, Status.CONFIRMED):
            raise CancelledMeanwhile(order_id=order_id)
        order = await tx.fetch_one(Order, f"{ORDER} where order_id = :order_id", order_id=order_id)
        await tx.record(
            OrderConfirmed(order_id=order_id, user_id=order.user_id, total_cents=order.total_cents)
        )

    @saga
    async def cancel_order(self, run: Saga, order_id: str) -> None:
        run.tag(order_id=order_id)
        is_held = await run.step(self.begin_cancelling, order_id, run.id).undo(
            self.stop_cancelling, order_id, run.id
        )
        if not is_held:
            return
        await run.step(self.shipping.stop, order_id).pivot()
        refund = run.step(self.payments.refund, order_id)
        await run.all(refund, run.step(self.stock.release, order_id))
        await run.step(self.end_cancelling, order_id, run.id)

    @transactional
    async def begin_cancelling(self, tx: Transaction, order_id: str, saga_id: str) -> bool:
        """
        Cancel an order that is not confirmed yet, or hold one that is.

        Returns:
            Whether it is held, and there is something to stop and to give back. What `place_order`
            has done so far, it undoes itself.
        """
        order = await tx.fetch_optional(
            Order, f"{ORDER} where order_id = :order_id", order_id=order_id
        )
        if order is None:
            raise UnknownOrder(order_id=order_id)
        if order.status in (Status.PLACED, Status.CANCELLED):
            await self._cancel(tx, order_id, Status.PLACED, WISHED)
            return False
        other = await self.guarded.hold(tx, order_id, by=saga_id)
        if other is not None:
            raise BeingCancelled(order_id=order_id, since=other.since)
        return True

    @transactional
    async def stop_cancelling(self, tx: Transaction, order_id: str, saga_id: str) -> None:
        """Show the order as confirmed again."""
        await self.guarded.release(tx, order_id, by=saga_id)

    @transactional
    async def end_cancelling(self, tx: Transaction, order_id: str, saga_id: str) -> None:
        """Cancel an order that is stopped and paid back."""
        await self.guarded.release(tx, order_id, by=saga_id)
        await self._cancel(tx, order_id, Status.CONFIRMED, WISHED)

    @property
    def guarded(self) -> Guarded:
        """Orders, which the sagas that cancel them hold."""
        return Guarded(self.store, "orders", key="order_id")

    async def get_order(self, order_id: str) -> Order:
        async with self.store.read() as snapshot:
            order = await snapshot.fetch_optional(
                Order, f"{ORDER} where order_id = :order_id", order_id=order_id
            )
        if order is None:
            raise UnknownOrder(order_id=order_id)
        return order

    async def follow_order(self, order_id: str) -> AsyncIterator[Order]:
        order = await self.get_order(order_id)
        yield order
        while order.status in (Status.PLACED, Status.CANCELLING):
            await asyncio.sleep(PAUSE_SECONDS)  # noqa: TID251 - nobody moves this time
            before, order = order, await self.get_order(order_id)
            if order != before:
                yield order

    async def list_orders(self, user_id: str) -> list[Order]:
        async with self.store.read() as snapshot:
            return await snapshot.fetch_all(
                Order,
                f"{ORDER} where user_id = :user_id order by order_id desc limit 100",
                user_id=user_id,
            )

    async def get_totals(self) -> OrderTotals:
        async with self.store.read() as snapshot:
            return await snapshot.fetch_one(
                OrderTotals,
                "select count(case when status in ('placed', 'cancelling') then 1 end) as open,"
                " count(case when status = 'confirmed' then 1 end) as confirmed,"
                " count(case when status = 'cancelled' then 1 end) as cancelled,"
                " coalesce(sum(case when status = 'confirmed' then total_cents end), 0)"
                " as confirmed_cents,"
                " coalesce(sum(case when status = 'confirmed' then pieces end), 0)"
                " as confirmed_pieces,"
                " (select count(*) from users) as known_users from orders_now",
            )

    @on(UserRegistered, UserRenamed, since="beginning")
    async def copy_name(self, tx: Transaction, event: UserRegistered | UserRenamed) -> None:
        """Keep the name that a user has now."""
        await tx.execute(
            "insert into users (user_id, name) values (:user_id, :name)"
            " on conflict (user_id) do update set name = excluded.name",
            user_id=event.user_id,
            name=event.name,
        )

    async def _cancel(self, tx: Transaction, order_id: str, status: Status, reason: str) -> None:
        """Cancel the order if it has that *status*."""
        if await self._move(tx, order_id, status, Status.CANCELLED):
            user_id = await tx.fetch_one(
                str, "select user_id from orders where order_id = :order_id", order_id=order_id
            )
            await tx.record(OrderCancelled(order_id=order_id, user_id=user_id, reason=reason))

    async def _move(self, tx: Transaction, order_id: str, old: Status, new: Status) -> bool:
        """Whether the order had the status *old*, and now has *new*: the first decision stands."""
        changed = await tx.execute(
            "update orders set status = :new where order_id = :order_id and status = :old",
            order_id=order_id,
            new=new,
            old=old,
        )
        return changed > 0
