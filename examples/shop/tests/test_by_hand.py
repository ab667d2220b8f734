"""Services constructed by hand: no application; only their stores are real."""

import pytest
from shop.notifications.contract import Letter, LetterKind, LetterTotals, Notifications
from shop.orders.contract import Status
from shop.orders.service import OrdersService
from shop.payments.contract import ChargeState
from shop.payments.service import PaymentsService, PaymentsSettings
from shop.stock.contract import Delivery, ItemsHeld, Line, UnknownItem
from shop.stock.service import StockService
from shop.users.contract import UnknownUser
from shop.users.service import UsersService

from outgrow.testing import temporary_store


class NoLetters(Notifications):
    """Stands in for notifications where none is asked anything."""

    async def write(self, user_id: str, kind: LetterKind, about: str, text: str) -> None:
        raise NotImplementedError

    async def get_totals(self) -> LetterTotals:
        raise NotImplementedError

    async def list_letters(self, user_id: str) -> list[Letter]:
        raise NotImplementedError


async def test_an_order_costs_what_its_lines_cost_and_is_refused_if_nobody_knows_them() -> None:
    async with (
        temporary_store(UsersService) as users_store,
        temporary_store(StockService) as stock_store,
        temporary_store(OrdersService) as orders_store,
    ):
        users = UsersService(store=users_store)
        stock = StockService(store=stock_store)
        orders = OrdersService(users=users, stock=stock, store=orders_store)
        await stock.receive([Delivery(item_id="record", price_cents=1_200, quantity=9)])
        ada = await users.register("Ada")
        lines = [Line(item_id="record", quantity=2), Line(item_id="record", quantity=1)]

        placed = await orders.place_order(ada.user_id, lines)
        with pytest.raises(UnknownUser):
            await orders.place_order("bob", lines)
        with pytest.raises(UnknownItem):
            await orders.place_order(ada.user_id, [Line(item_id="tape", quantity=1)])

        [order] = await orders.list_orders(ada.user_id)
        assert order.order_id == placed.order_id
        assert order.total_cents == placed.total_cents == 3_600
        assert order.lines == lines
        assert order.status is Status.PLACED


@pytest.mark.parametrize(
    ("total_cents", "state"), [(100, ChargeState.CHARGED), (101, ChargeState.REFUSED)]
)
async def test_a_card_covers_its_limit_and_no_cent_more(
    total_cents: int, state: ChargeState
) -> None:
    async with temporary_store(PaymentsService) as store:
        payments = PaymentsService(
            notifications=NoLetters(), settings=PaymentsSettings(limit_cents=100), store=store
        )

        held = ItemsHeld(order_id="o1", user_id="ada", total_cents=total_cents)
        await store.transact(payments.charge, held)

        charge = await payments.get_charge("o1")
        assert (charge.state, charge.cents) == (state, total_cents)


def test_a_line_without_pieces_cannot_be_made() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        Line(item_id="record", quantity=0)
