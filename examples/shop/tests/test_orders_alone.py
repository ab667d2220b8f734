"""Orders, constructed by hand: no application, only the store is real."""

import pytest
from shop.orders.contract import Line, Order, PlacedOrder, Status
from shop.orders.service import OrdersService
from shop.stock.contract import Item, Stock, UnknownItem
from shop.users.contract import UnknownUser, User, Users

from outgrow.testing import temporary_store


class OnlyAda(Users):
    """Knows one user."""

    async def get_user(self, user_id: str) -> User:
        if user_id != "ada":
            raise UnknownUser(user_id=user_id)
        return User(user_id="ada", name="Ada")


class OnlyRecords(Stock):
    """Has one item."""

    async def get_items(self, item_ids: list[str]) -> list[Item]:
        for item_id in item_ids:
            if item_id != "record":
                raise UnknownItem(item_id=item_id)
        return [Item(item_id="record", price_cents=1_200, on_shelf=9) for _ in item_ids]


async def test_an_order_costs_what_its_lines_cost() -> None:
    async with temporary_store(OrdersService) as store:
        orders = OrdersService(users=OnlyAda(), stock=OnlyRecords(), store=store)
        lines = [Line(item_id="record", quantity=2), Line(item_id="record", quantity=1)]

        placed: PlacedOrder = await orders.place_order("ada", lines)
        order: Order = await orders.get_order(placed.order_id)

        assert placed.total_cents == order.total_cents == 3_600
        assert order.lines == lines
        assert order.status is Status.PLACED


async def test_an_order_that_nobody_made_is_refused() -> None:
    async with temporary_store(OrdersService) as store:
        orders = OrdersService(users=OnlyAda(), stock=OnlyRecords(), store=store)

        with pytest.raises(UnknownUser):
            await orders.place_order("bob", [Line(item_id="record", quantity=1)])
        with pytest.raises(UnknownItem):
            await orders.place_order("ada", [Line(item_id="tape", quantity=1)])

        assert await orders.list_orders("ada") == []


def test_a_line_without_pieces_cannot_be_made() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        Line(item_id="record", quantity=0)
