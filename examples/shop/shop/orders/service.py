"""How orders keeps its promise."""

import asyncio
from collections.abc import AsyncIterator

from outgrow import Store, Transaction, new_id, on, service, transactional
from shop.orders.contract import (
    AlreadyConfirmed,
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
from shop.payments.contract import Charged, ChargeRefused
from shop.stock.contract import ItemsRefused, Line, Stock
from shop.users.contract import UserRegistered, UserRenamed, Users

ORDER = (
    "select order_id, user_id, lines, total_cents, status,"
    " coalesce((select name from users where users.user_id = orders.user_id), '') as user_name"
    " from orders"
)

PAUSE_SECONDS = 0.2


@service
class OrdersService(Orders):
    """Takes orders, and decides on them when it has heard of stock and payments."""

    users: Users
    stock: Stock
    store: Store

    async def place_order(self, user_id: str, lines: list[Line]) -> PlacedOrder:
        await self.users.get_user(user_id)
        items = await self.stock.get_items([line.item_id for line in lines])
        total_cents = sum(
            item.price_cents * line.quantity for item, line in zip(items, lines, strict=True)
        )
        return await self.create(user_id, lines, total_cents)

    @transactional
    async def create(
        self, tx: Transaction, user_id: str, lines: list[Line], total_cents: int
    ) -> PlacedOrder:
        """Take an order whose user and items are known."""
        order_id = new_id()
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
        return PlacedOrder(order_id=order_id, total_cents=total_cents)

    @transactional
    async def cancel_order(self, tx: Transaction, order_id: str) -> None:
        order = await tx.fetch_optional(
            Order, f"{ORDER} where order_id = :order_id", order_id=order_id
        )
        if order is None:
            raise UnknownOrder(order_id=order_id)
        if order.status is Status.CONFIRMED:
            raise AlreadyConfirmed(order_id=order_id)
        await self._cancel(tx, order_id, "as you wished")

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
        while order.status is Status.PLACED:
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
                "select count(case when status = 'placed' then 1 end) as open,"
                " count(case when status = 'confirmed' then 1 end) as confirmed,"
                " count(case when status = 'cancelled' then 1 end) as cancelled,"
                " coalesce(sum(case when status = 'confirmed' then total_cents end), 0)"
                " as confirmed_cents,"
                " coalesce(sum(case when status = 'confirmed' then pieces end), 0)"
                " as confirmed_pieces,"
                " (select count(*) from users) as known_users from orders",
            )

    @on(Charged)
    async def confirm(self, tx: Transaction, event: Charged) -> None:
        """Confirm what is held and paid, unless its user was faster and cancelled."""
        if await self._decide(tx, event.order_id, Status.CONFIRMED):
            await tx.record(
                OrderConfirmed(
                    order_id=event.order_id, user_id=event.user_id, total_cents=event.cents
                )
            )

    @on(ItemsRefused)
    async def cancel_unheld(self, tx: Transaction, event: ItemsRefused) -> None:
        """Cancel what stock does not have."""
        await self._cancel(tx, event.order_id, f"because {event.item_id} is sold out")

    @on(ChargeRefused)
    async def cancel_unpaid(self, tx: Transaction, event: ChargeRefused) -> None:
        """Cancel what the card does not cover."""
        await self._cancel(tx, event.order_id, "because your card was refused")

    @on(UserRegistered, UserRenamed, since="beginning")
    async def copy_name(self, tx: Transaction, event: UserRegistered | UserRenamed) -> None:
        """Keep the name that a user has now."""
        await tx.execute(
            "insert into users (user_id, name) values (:user_id, :name)"
            " on conflict (user_id) do update set name = excluded.name",
            user_id=event.user_id,
            name=event.name,
        )

    async def _cancel(self, tx: Transaction, order_id: str, reason: str) -> None:
        if await self._decide(tx, order_id, Status.CANCELLED):
            user_id = await tx.fetch_one(
                str, "select user_id from orders where order_id = :order_id", order_id=order_id
            )
            await tx.record(OrderCancelled(order_id=order_id, user_id=user_id, reason=reason))

    async def _decide(self, tx: Transaction, order_id: str, status: Status) -> bool:
        """Whether the order was still open and now has *status*: the first decision stands."""
        changed = await tx.execute(
            "update orders set status = :status where order_id = :order_id and status = 'placed'",
            order_id=order_id,
            status=status,
        )
        return changed > 0
