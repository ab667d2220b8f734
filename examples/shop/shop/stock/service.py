"""How stock keeps its promise."""

from outgrow import Store, Transaction, service, transactional
from shop.stock.contract import Delivery, Item, Line, SoldOut, Stock, StockTotals, UnknownItem

ITEM = "select item_id, price_cents, on_shelf from items where item_id = :item_id"


@service
class StockService(Stock):
    """Holds what was ordered, or puts it back."""

    store: Store

    @transactional
    async def receive(self, tx: Transaction, deliveries: list[Delivery]) -> None:
        for delivery in deliveries:
            await tx.execute(
                "insert into items (item_id, price_cents, received, on_shelf)"
                " values (:item_id, :price_cents, :quantity, :quantity)"
                " on conflict (item_id) do update set price_cents = excluded.price_cents,"
                " received = items.received + excluded.received,"
                " on_shelf = items.on_shelf + excluded.on_shelf",
                item_id=delivery.item_id,
                price_cents=delivery.price_cents,
                quantity=delivery.quantity,
            )

    async def get_item(self, item_id: str) -> Item:
        [item] = await self.get_items([item_id])
        return item

    async def get_items(self, item_ids: list[str]) -> list[Item]:
        items: list[Item] = []
        async with self.store.read() as snapshot:
            for item_id in item_ids:
                item = await snapshot.fetch_optional(Item, ITEM, item_id=item_id)
                if item is None:
                    raise UnknownItem(item_id=item_id)
                items.append(item)
        return items

    async def get_totals(self) -> StockTotals:
        async with self.store.read() as snapshot:
            return await snapshot.fetch_one(
                StockTotals,
                "select (select coalesce(sum(received), 0) from items) as pieces_received,"
                " (select coalesce(sum(on_shelf), 0) from items) as pieces_on_shelf,"
                " (select coalesce(sum(quantity), 0) from held_items) as pieces_held,"
                " (select count(*) from orders) as orders_held",
            )

    @transactional
    async def hold(self, tx: Transaction, order_id: str, lines: list[Line]) -> None:
        await tx.execute(
            "insert into orders (order_id, state) values (:order_id, 'held')", order_id=order_id
        )
        for line in lines:
            if not await self._take(tx, order_id, line):
                raise SoldOut(item_id=line.item_id)  # What is held already goes back with it.

    @transactional
    async def release(self, tx: Transaction, order_id: str) -> None:
        await tx.execute(
            "update items set on_shelf = on_shelf + (select quantity from held_items"
            " where order_id = :order_id and held_items.item_id = items.item_id)"
            " where item_id in (select item_id from held_items where order_id = :order_id)",
            order_id=order_id,
        )
        await tx.execute("delete from held_items where order_id = :order_id", order_id=order_id)
        await tx.execute(
            "update orders set state = 'released' where order_id = :order_id", order_id=order_id
        )

    async def _take(self, tx: Transaction, order_id: str, line: Line) -> bool:
        taken = await tx.execute(
            "update items set on_shelf = on_shelf - :quantity"
            " where item_id = :item_id and on_shelf >= :quantity",
            item_id=line.item_id,
            quantity=line.quantity,
        )
        if taken:
            await tx.execute(
                "insert into held_items (order_id, item_id, quantity)"
                " values (:order_id, :item_id, :quantity) on conflict (order_id, item_id)"
                " do update set quantity = held_items.quantity + excluded.quantity",
                order_id=order_id,
                item_id=line.item_id,
                quantity=line.quantity,
            )
        return taken > 0
