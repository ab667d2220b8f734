"""The whole shop, in every world."""

import asyncio

import pytest
from shop.notifications.contract import LetterKind, Notifications
from shop.orders.contract import AlreadyConfirmed, Orders, Status, UnknownOrder
from shop.payments.contract import ChargeState, Payments
from shop.stock.contract import Delivery, Line, Stock, UnknownItem
from shop.users.contract import UnknownUser, Users

from outgrow.testing import World

RECORD = Delivery(item_id="record", price_cents=1_200, quantity=5)
PIANO = Delivery(item_id="piano", price_cents=900_000, quantity=1)


async def _order(world: World, *lines: tuple[str, int]) -> str:
    """Register Ada, fill the shelf and order; returns the order's id."""
    await world.client(Stock).receive([RECORD, PIANO])
    ada = await world.client(Users).register("Ada")
    order = await world.client(Orders).place_order(
        ada.user_id, [Line(item_id=item_id, quantity=n) for item_id, n in lines]
    )
    return order.order_id


async def _kinds(world: World, order_id: str) -> list[LetterKind]:
    order = await world.client(Orders).get_order(order_id)
    letters = await world.client(Notifications).list_letters(order.user_id)
    return sorted(letter.kind for letter in letters)


async def test_an_order_is_held_paid_confirmed_and_told(world: World) -> None:
    order_id = await _order(world, ("record", 2))
    await world.settle()

    order = await world.client(Orders).get_order(order_id)
    assert order.status is Status.CONFIRMED
    assert order.user_name == "Ada"
    assert (await world.client(Stock).get_item("record")).on_shelf == 3
    assert (await world.client(Payments).get_charge(order_id)).cents == 2_400
    assert await _kinds(world, order_id) == ["confirmed", "receipt", "welcome"]


async def test_an_order_is_followed_until_it_is_decided(world: World) -> None:
    orders, order_id = world.client(Orders), await _order(world, ("record", 2))

    async def follow() -> list[Status]:
        return [order.status async for order in orders.follow_order(order_id)]

    (*before, last), _ = await asyncio.gather(follow(), world.settle())

    assert last is Status.CONFIRMED
    assert set(before) <= {Status.PLACED}
    with pytest.raises(UnknownOrder):
        await anext(orders.follow_order("nothing"))


async def test_what_is_sold_out_is_cancelled_and_nothing_is_held_or_paid(world: World) -> None:
    order_id = await _order(world, ("piano", 1), ("record", 6))
    await world.settle()

    assert (await world.client(Orders).get_order(order_id)).status is Status.CANCELLED
    totals = await world.client(Stock).get_totals()
    assert (totals.pieces_on_shelf, totals.pieces_held) == (6, 0)
    ledger = await world.client(Payments).get_ledger()
    assert (ledger.charges, ledger.refusals, ledger.balance_cents) == (0, 0, 0)
    assert await _kinds(world, order_id) == ["cancelled", "welcome"]


async def test_what_the_card_does_not_cover_goes_back_to_the_shelf(world: World) -> None:
    order_id = await _order(world, ("piano", 1))
    await world.settle()

    assert (await world.client(Orders).get_order(order_id)).status is Status.CANCELLED
    assert (await world.client(Payments).get_charge(order_id)).state is ChargeState.REFUSED
    assert (await world.client(Stock).get_item("piano")).on_shelf == 1
    assert await _kinds(world, order_id) == ["cancelled", "welcome"]


async def test_a_confirmed_order_cannot_be_cancelled(world: World) -> None:
    order_id = await _order(world, ("record", 1))
    await world.settle()

    with pytest.raises(AlreadyConfirmed):
        await world.client(Orders).cancel_order(order_id)


async def test_a_cancelled_order_ends_held_and_paid_nowhere_whoever_was_first(
    world: World,
) -> None:
    order_id = await _order(world, ("record", 1))
    try:
        await world.client(Orders).cancel_order(order_id)
    except AlreadyConfirmed:
        expected, pieces_held, balance_cents = Status.CONFIRMED, 1, 1_200
    else:
        expected, pieces_held, balance_cents = Status.CANCELLED, 0, 0
    await world.settle()

    assert (await world.client(Orders).get_order(order_id)).status is expected
    assert (await world.client(Stock).get_totals()).pieces_held == pieces_held
    ledger = await world.client(Payments).get_ledger()
    assert ledger.balance_cents == balance_cents
    kinds = await _kinds(world, order_id)
    assert kinds.count(LetterKind.RECEIPT) == ledger.charges
    assert kinds.count(LetterKind.REFUND) == ledger.refunds


async def test_the_last_piece_is_sold_once(world: World) -> None:
    await world.client(Stock).receive([PIANO.replace(price_cents=100)])
    ada = await world.client(Users).register("Ada")
    line = Line(item_id="piano", quantity=1)
    place_order = world.client(Orders).place_order

    await asyncio.gather(*(place_order(ada.user_id, [line]) for _ in range(5)))
    await world.settle()

    totals = await world.client(Orders).get_totals()
    assert (totals.open, totals.confirmed, totals.cancelled) == (0, 1, 4)


async def test_orders_hears_of_new_names(world: World) -> None:
    order_id = await _order(world, ("record", 1))
    order = await world.client(Orders).get_order(order_id)

    await world.client(Users).rename(order.user_id, "Ada Lovelace")
    await world.settle()

    [order] = await world.client(Orders).list_orders(order.user_id)
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
