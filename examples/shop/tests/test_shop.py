"""The whole shop, in every world."""

import asyncio

import pytest
from shop.notifications.contract import LetterKind, Notifications
from shop.orders.contract import (
    BeingCancelled,
    CancelledMeanwhile,
    Orders,
    PlacedOrder,
    Status,
    UnknownOrder,
)
from shop.payments.contract import CardRefused, ChargeState, Payments, UnknownCharge
from shop.shipping.contract import ParcelLeft, ParcelState, Shipping
from shop.stock.contract import Delivery, Line, SoldOut, Stock, UnknownItem
from shop.users.contract import UnknownUser, Users

from outgrow.testing import World

RECORD = Delivery(item_id="record", price_cents=1_200, quantity=5)
PIANO = Delivery(item_id="piano", price_cents=900_000, quantity=1)


async def _come_in(world: World) -> str:
    """Register Ada and fill the shelf; her id."""
    await world.client(Stock).receive([RECORD, PIANO])
    return (await world.client(Users).register("Ada")).user_id


async def _order(world: World, user_id: str, *lines: tuple[str, int]) -> PlacedOrder:
    return await world.client(Orders).place_order(
        user_id, [Line(item_id=item_id, quantity=n) for item_id, n in lines]
    )


async def _kinds(world: World, user_id: str) -> list[LetterKind]:
    letters = await world.client(Notifications).list_letters(user_id)
    return sorted(letter.kind for letter in letters)


async def test_an_order_is_held_paid_confirmed_told_and_sent(world: World) -> None:
    ada = await _come_in(world)
    order_id = (await _order(world, ada, ("record", 2))).order_id
    await world.settle()

    order = await world.client(Orders).get_order(order_id)
    assert order.status is Status.CONFIRMED
    assert order.user_name == "Ada"
    assert (await world.client(Stock).get_item("record")).on_shelf == 3
    assert (await world.client(Payments).get_charge(order_id)).cents == 2_400
    assert (await world.client(Shipping).get_parcel(order_id)).state is ParcelState.WAITING
    assert await _kinds(world, ada) == ["confirmed", "receipt", "welcome"]


async def test_a_parcel_is_collected_once_and_delivered(world: World) -> None:
    ada = await _come_in(world)
    order_id = (await _order(world, ada, ("record", 2))).order_id
    shipping = world.client(Shipping)

    assert await shipping.collect() == [order_id]
    assert await shipping.collect() == []
    await shipping.deliver([order_id])
    await world.settle()

    assert (await shipping.get_parcel(order_id)).state is ParcelState.DELIVERED
    assert (await _kinds(world, ada)).count(LetterKind.SENT) == 1


async def test_what_is_sold_out_is_cancelled_and_nothing_is_held_or_paid(world: World) -> None:
    ada = await _come_in(world)
    with pytest.raises(SoldOut, match="'record'"):
        await _order(world, ada, ("piano", 1), ("record", 6))
    await world.settle()

    [order] = await world.client(Orders).list_orders(ada)
    assert order.status is Status.CANCELLED
    totals = await world.client(Stock).get_totals()
    assert (totals.pieces_on_shelf, totals.pieces_held) == (6, 0)
    ledger = await world.client(Payments).get_ledger()
    assert (ledger.charges, ledger.balance_cents) == (0, 0)
    assert await _kinds(world, ada) == ["cancelled", "welcome"]


async def test_what_the_card_does_not_cover_goes_back_to_the_shelf(world: World) -> None:
    ada = await _come_in(world)
    with pytest.raises(CardRefused, match="900000"):
        await _order(world, ada, ("piano", 1))
    await world.settle()

    [order] = await world.client(Orders).list_orders(ada)
    assert order.status is Status.CANCELLED
    with pytest.raises(UnknownCharge):
        await world.client(Payments).get_charge(order.order_id)
    assert (await world.client(Stock).get_item("piano")).on_shelf == 1
    assert await _kinds(world, ada) == ["cancelled", "welcome"]


async def test_who_cancels_gets_the_money_back_and_no_parcel(world: World) -> None:
    ada = await _come_in(world)
    order_id = (await _order(world, ada, ("record", 1))).order_id
    orders = world.client(Orders)

    replies = await asyncio.gather(
        orders.cancel_order(order_id), orders.cancel_order(order_id), return_exceptions=True
    )
    await orders.cancel_order(order_id)
    await world.settle()

    assert None in replies
    assert all(reply is None or isinstance(reply, BeingCancelled) for reply in replies)
    assert (await orders.get_order(order_id)).status is Status.CANCELLED
    assert (await world.client(Stock).get_totals()).pieces_held == 0
    charge = await world.client(Payments).get_charge(order_id)
    assert charge.state is ChargeState.REFUNDED
    assert await world.client(Shipping).collect() == []
    assert await _kinds(world, ada) == ["cancelled", "confirmed", "receipt", "refund", "welcome"]


async def test_an_order_whose_parcel_is_collected_stays_as_it_is(world: World) -> None:
    ada = await _come_in(world)
    order_id = (await _order(world, ada, ("record", 1))).order_id
    orders = world.client(Orders)
    await world.client(Shipping).collect()

    with pytest.raises(ParcelLeft):
        await orders.cancel_order(order_id)
    await world.settle()

    assert (await orders.get_order(order_id)).status is Status.CONFIRMED
    assert [order.status async for order in orders.follow_order(order_id)] == [Status.CONFIRMED]
    assert (await world.client(Stock).get_totals()).pieces_held == 1
    assert (await world.client(Payments).get_ledger()).balance_cents == 1_200
    with pytest.raises(UnknownOrder):
        await anext(orders.follow_order("nothing"))


async def test_a_cancelled_order_ends_held_and_paid_nowhere_whoever_was_first(
    world: World,
) -> None:
    ada = await _come_in(world)
    orders = world.client(Orders)

    async def regret() -> None:
        while not (found := await orders.list_orders(ada)):
            await asyncio.to_thread(bool)  # Others have their turn: together, nothing waits.
        await orders.cancel_order(found[0].order_id)

    _, placed = await asyncio.gather(
        regret(), _order(world, ada, ("record", 1)), return_exceptions=True
    )
    await world.settle()

    assert isinstance(placed, PlacedOrder | CancelledMeanwhile)
    [order] = await orders.list_orders(ada)
    assert order.status is Status.CANCELLED
    assert (await world.client(Stock).get_totals()).pieces_held == 0
    ledger = await world.client(Payments).get_ledger()
    assert (ledger.balance_cents, ledger.charges) == (0, ledger.refunds)
    assert await world.client(Shipping).collect() == []
    kinds = await _kinds(world, ada)
    assert kinds.count(LetterKind.RECEIPT) == kinds.count(LetterKind.REFUND) == ledger.charges
    assert kinds.count(LetterKind.CANCELLED) == 1


async def test_the_last_piece_is_sold_once(world: World) -> None:
    await world.client(Stock).receive([PIANO.replace(price_cents=100)])
    ada = await world.client(Users).register("Ada")
    line = Line(item_id="piano", quantity=1)
    place_order = world.client(Orders).place_order

    replies = await asyncio.gather(
        *(place_order(ada.user_id, [line]) for _ in range(5)), return_exceptions=True
    )
    await world.settle()

    assert sum(isinstance(reply, SoldOut) for reply in replies) == 4
    totals = await world.client(Orders).get_totals()
    assert (totals.open, totals.confirmed, totals.cancelled) == (0, 1, 4)


async def test_orders_hears_of_new_names(world: World) -> None:
    ada = await _come_in(world)
    await _order(world, ada, ("record", 1))

    await world.client(Users).rename(ada, "Ada Lovelace")
    await world.settle()

    [order] = await world.client(Orders).list_orders(ada)
    assert order.user_name == "Ada Lovelace"


async def test_what_nobody_knows_is_a_problem_with_its_name(world: World) -> None:
    line = Line(item_id="record", quantity=1)
    with pytest.raises(UnknownUser, match="'nobody'"):
        await world.client(Orders).place_order("nobody", [line])
    ada = await world.client(Users).register("Ada")
    with pytest.raises(UnknownItem) as caught:
        await world.client(Orders).place_order(ada.user_id, [line])
    assert caught.value.item_id == "record"
    with pytest.raises(UnknownOrder):
        await world.client(Orders).get_order("none")
