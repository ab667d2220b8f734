"""Services constructed by hand: no application; only their stores are real."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass

import pytest
from shop.notifications.contract import Letter, LetterKind, LetterTotals, Notifications
from shop.orders.contract import CancelledMeanwhile, Status
from shop.orders.service import OrdersService
from shop.payments.contract import CardRefused, ChargeState, UnknownCharge
from shop.payments.service import PaymentsService, PaymentsSettings
from shop.shipping.contract import ParcelState, UnknownParcel
from shop.shipping.service import ShippingService
from shop.stock.contract import Delivery, Item, Line, SoldOut, Stock, StockTotals, UnknownItem
from shop.stock.service import StockService
from shop.users.contract import UnknownUser
from shop.users.service import UsersService

from outgrow.testing import temporary_store

RECORD = Delivery(item_id="record", price_cents=1_200, quantity=9)
TWO_RECORDS = [Line(item_id="record", quantity=2)]


class NoLetters(Notifications):
    """Stands in for notifications where none is asked anything."""

    async def write(self, user_id: str, kind: LetterKind, about: str, text: str) -> None:
        raise NotImplementedError

    async def get_totals(self) -> LetterTotals:
        raise NotImplementedError

    async def list_letters(self, user_id: str) -> list[Letter]:
        raise NotImplementedError


class SlowStock(Stock):
    """Stock that holds nothing until it may."""

    def __init__(self, stock: Stock) -> None:
        self.stock = stock
        self.was_asked = asyncio.Event()
        self.may_hold = asyncio.Event()

    async def hold(self, order_id: str, lines: list[Line]) -> None:
        self.was_asked.set()
        await self.may_hold.wait()
        await self.stock.hold(order_id, lines)

    async def release(self, order_id: str) -> None:
        await self.stock.release(order_id)

    async def receive(self, deliveries: list[Delivery]) -> None:
        raise NotImplementedError

    async def get_totals(self) -> StockTotals:
        raise NotImplementedError

    async def get_item(self, item_id: str) -> Item:
        raise NotImplementedError

    async def get_items(self, item_ids: list[str]) -> list[Item]:
        return await self.stock.get_items(item_ids)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shop:
    """The services that fulfil an order; a card covers $100, and nine records are on the shelf."""

    users: UsersService
    stock: StockService
    payments: PaymentsService
    shipping: ShippingService
    orders: OrdersService


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    async with AsyncExitStack() as stack:
        users = UsersService(store=await stack.enter_async_context(temporary_store(UsersService)))
        stock = StockService(store=await stack.enter_async_context(temporary_store(StockService)))
        payments = PaymentsService(
            notifications=NoLetters(),
            settings=PaymentsSettings(limit_cents=10_000),
            store=await stack.enter_async_context(temporary_store(PaymentsService)),
        )
        shipping = ShippingService(
            store=await stack.enter_async_context(temporary_store(ShippingService))
        )
        orders = OrdersService(
            users=users,
            stock=stock,
            payments=payments,
            shipping=shipping,
            store=await stack.enter_async_context(temporary_store(OrdersService)),
        )
        await stock.receive([RECORD])
        yield Shop(users=users, stock=stock, payments=payments, shipping=shipping, orders=orders)


async def test_an_order_costs_what_its_lines_cost_and_is_refused_if_nobody_knows_them(
    shop: Shop,
) -> None:
    ada = await shop.users.register("Ada")
    lines = [*TWO_RECORDS, Line(item_id="record", quantity=1)]

    placed = await shop.orders.place_order(ada.user_id, lines)
    with pytest.raises(UnknownUser):
        await shop.orders.place_order("bob", lines)
    with pytest.raises(UnknownItem):
        await shop.orders.place_order(ada.user_id, [Line(item_id="tape", quantity=1)])

    [order] = await shop.orders.list_orders(ada.user_id)
    assert order.order_id == placed.order_id
    assert order.total_cents == placed.total_cents == 3_600
    assert order.lines == lines
    assert order.status is Status.CONFIRMED
    assert (await shop.shipping.get_parcel(order.order_id)).state is ParcelState.WAITING


@pytest.mark.parametrize(
    ("quantity", "problem"), [(10, SoldOut), (9, CardRefused)], ids=["sold out", "not covered"]
)
async def test_what_cannot_be_fulfilled_leaves_nothing_held_nor_paid(
    shop: Shop, quantity: int, problem: type[Exception]
) -> None:
    ada = await shop.users.register("Ada")

    with pytest.raises(problem):
        await shop.orders.place_order(ada.user_id, [Line(item_id="record", quantity=quantity)])

    [order] = await shop.orders.list_orders(ada.user_id)
    assert order.status is Status.CANCELLED
    assert (await shop.stock.get_totals()).pieces_on_shelf == 9
    with pytest.raises(UnknownCharge):
        await shop.payments.get_charge(order.order_id)
    with pytest.raises(UnknownParcel):
        await shop.shipping.get_parcel(order.order_id)


async def test_who_cancels_before_the_order_is_confirmed_undoes_it(shop: Shop) -> None:
    shop.orders.stock = stock = SlowStock(shop.stock)
    ada = await shop.users.register("Ada")
    async with asyncio.TaskGroup() as group:
        placing = group.create_task(place(shop.orders, ada.user_id))
        await stock.was_asked.wait()
        [order] = await shop.orders.list_orders(ada.user_id)
        await shop.orders.cancel_order(order.order_id)
        stock.may_hold.set()

    assert isinstance(placing.result(), CancelledMeanwhile)
    assert (await shop.orders.get_order(order.order_id)).status is Status.CANCELLED
    assert (await shop.stock.get_totals()).pieces_on_shelf == 9
    assert (await shop.payments.get_charge(order.order_id)).state is ChargeState.REFUNDED


async def place(orders: OrdersService, user_id: str) -> Exception | None:
    try:
        await orders.place_order(user_id, TWO_RECORDS)
    except CancelledMeanwhile as problem:
        return problem
    return None


async def test_an_order_is_followed_until_it_is_decided(shop: Shop) -> None:
    shop.orders.stock = stock = SlowStock(shop.stock)
    ada = await shop.users.register("Ada")
    async with asyncio.TaskGroup() as group:
        group.create_task(place(shop.orders, ada.user_id))
        await stock.was_asked.wait()
        [order] = await shop.orders.list_orders(ada.user_id)
        seen: list[Status] = []
        async for change in shop.orders.follow_order(order.order_id):
            seen.append(change.status)
            stock.may_hold.set()

    assert seen == [Status.PLACED, Status.CONFIRMED]


@pytest.mark.parametrize("cents", [10_000, 10_001])
async def test_a_card_covers_its_limit_and_no_cent_more(shop: Shop, cents: int) -> None:
    if cents > 10_000:
        with pytest.raises(CardRefused):
            await shop.payments.charge("o1", "ada", cents)
    else:
        await shop.payments.charge("o1", "ada", cents)

    ledger = await shop.payments.get_ledger()
    assert ledger.balance_cents == (10_000 if cents == 10_000 else 0)


async def test_a_parcel_that_is_stopped_before_it_comes_is_not_collected(shop: Shop) -> None:
    await shop.shipping.stop("o1")
    await shop.shipping.send("o1", "ada")
    await shop.shipping.send("o2", "bob")

    assert await shop.shipping.collect() == ["o2"]
    with pytest.raises(UnknownParcel):
        await shop.shipping.deliver(["o2", "o1"])
    assert (await shop.shipping.get_parcel("o2")).state is ParcelState.UNDER_WAY


def test_a_line_without_pieces_cannot_be_made() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        Line(item_id="record", quantity=0)
