"""What stock promises."""

from typing import Annotated

from annotated_types import Ge, MaxLen, MinLen

from outgrow import Contract, Problem, Record, command, query

Cents = Annotated[int, Ge(0)]
Quantity = Annotated[int, Ge(1)]


class Line(Record):
    """So many pieces of one item."""

    item_id: str
    quantity: Quantity


class Delivery(Record):
    """Pieces of one item that come in; the price is the item's from then on."""

    item_id: str
    price_cents: Cents
    quantity: Quantity


class Item(Record):
    """An item, its price, and how many pieces are on the shelf."""

    item_id: str
    price_cents: Cents
    on_shelf: int


class StockTotals(Record):
    """
    Pieces and orders, summed over everything.

    At any time ``pieces_received = pieces_on_shelf + pieces_held``. The orders are those that were
    ever held.
    """

    pieces_received: int
    pieces_on_shelf: int
    pieces_held: int
    orders_held: int


class UnknownItem(Problem, status="not_found"):
    """The shop has never had the item {item_id!r}."""

    item_id: str


class SoldOut(Problem, status="failed_precondition"):
    """There is not enough of the item {item_id!r} on the shelf."""

    item_id: str


class Stock(Contract):
    """What lies on the shelf, and for whom it is held."""

    @command("POST /stock/deliveries", allow="stock:write")
    async def receive(self, deliveries: Annotated[list[Delivery], MinLen(1), MaxLen(1000)]) -> None:
        """Put what was delivered on the shelf."""
        ...

    @command(raises=[SoldOut])
    async def hold(self, order_id: str, lines: list[Line]) -> None:
        """Hold all that was ordered, or nothing."""
        ...

    @command()
    async def release(self, order_id: str) -> None:
        """Put back what is held for an order."""
        ...

    @query("GET /stock/totals", allow="stock:read")
    async def get_totals(self) -> StockTotals:
        """Sum up all pieces and orders."""
        ...

    @query("GET /stock/{item_id}", allow="stock:read", raises=[UnknownItem])
    async def get_item(self, item_id: str) -> Item:
        """Look an item up."""
        ...

    @query(raises=[UnknownItem])
    async def get_items(self, item_ids: list[str]) -> list[Item]:
        """Look several items up, in the order asked for."""
        ...
