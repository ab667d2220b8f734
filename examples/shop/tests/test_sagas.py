"""The two sagas of the shop, with each step failing, coming twice, and the process killed."""

from contextlib import suppress
from typing import Any

import pytest
from shop.orders.contract import Orders
from shop.payments.contract import Payments
from shop.shipping.contract import Shipping
from shop.stock.contract import Delivery, Line, Stock
from shop.users.contract import Users

from outgrow import using
from outgrow.errors import StillRunning
from outgrow.testing.sagas import saga_suite

pytestmark = pytest.mark.long
ASKS = 5

RECORD = Delivery(item_id="record", price_cents=1_200, quantity=5)


async def place_an_order(client: Any) -> str:
    await using(client(Stock), key="delivery").receive([RECORD])
    ada = await using(client(Users), key="ada").register("Ada")
    lines = [Line(item_id="record", quantity=2)]
    placed = await using(client(Orders), key="order").place_order(ada.user_id, lines)
    return str(placed.order_id)


async def cancel_it(client: Any) -> None:
    for _ in range(ASKS):  # Under its key; what fails for ever goes on without us.
        with suppress(StillRunning):
            await place_an_order(client)
            break
    order_id = await place_an_order(client)
    await using(client(Orders), key="cancel").cancel_order(order_id)


async def what_is_confirmed_is_held_paid_and_sent(client: Any) -> None:
    orders = await client(Orders).get_totals()
    stock = await client(Stock).get_totals()
    parcels = await client(Shipping).get_totals()
    assert orders.open == 0
    assert stock.pieces_held == orders.confirmed_pieces
    assert stock.pieces_held + stock.pieces_on_shelf == stock.pieces_received
    assert (await client(Payments).get_ledger()).balance_cents == orders.confirmed_cents
    assert parcels.waiting == orders.confirmed


TestPlacing = saga_suite(place_an_order, what_is_confirmed_is_held_paid_and_sent, faults=8, kills=4)
TestCancelling = saga_suite(cancel_it, what_is_confirmed_is_held_paid_and_sent, faults=8, kills=4)
