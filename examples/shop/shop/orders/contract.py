"""What orders promises."""

from collections.abc import AsyncIterator
from datetime import datetime
from enum import StrEnum
from typing import Annotated

from annotated_types import MaxLen, MinLen

from outgrow import Contract, Event, Problem, Record, command, query
from shop.payments.contract import CardRefused
from shop.shipping.contract import ParcelLeft
from shop.stock.contract import Line, SoldOut, UnknownItem
from shop.users.contract import UnknownUser


class Status(StrEnum):
    """What became of an order: it is open while it is placed, and while it is being cancelled."""

    PLACED = "placed"
    CONFIRMED = "confirmed"
    CANCELLING = "cancelling"
    CANCELLED = "cancelled"


class PlacedOrder(Record):
    """An order that is held and paid, and whose parcel waits to be collected."""

    order_id: str
    total_cents: int


class Order(Record):
    """An order, and what has become of it so far."""

    order_id: str
    user_id: str
    user_name: str
    lines: list[Line]
    total_cents: int
    status: Status


class OrderTotals(Record):
    """
    Orders by status, and what was confirmed.

    Every order is ``open``, ``confirmed`` or ``cancelled``.
    """

    open: int
    confirmed: int
    cancelled: int
    confirmed_cents: int
    confirmed_pieces: int
    known_users: int


class OrderPlaced(Event, key="order_id"):
    """Somebody ordered; nothing is held and nothing is paid yet."""

    order_id: str
    user_id: str
    lines: list[Line]
    total_cents: int


class OrderConfirmed(Event, key="order_id"):
    """An order is held and paid; it will be sent."""

    order_id: str
    user_id: str
    total_cents: int


class OrderCancelled(Event, key="order_id"):
    """An order will not be sent."""

    order_id: str
    user_id: str
    reason: str


class UnknownOrder(Problem, status="not_found"):
    """There is no order {order_id!r}."""

    order_id: str


class CancelledMeanwhile(Problem, status="failed_precondition"):
    """Order {order_id!r} was cancelled while it was being fulfilled."""

    order_id: str


class BeingCancelled(Problem, status="failed_precondition"):
    """Order {order_id!r} is being cancelled already, since {since}."""

    order_id: str
    since: datetime


class Orders(Contract):
    """What was ordered, and what became of it."""

    @command(
        "POST /orders",
        allow="orders:write",
        raises=[UnknownUser, UnknownItem, SoldOut, CardRefused, CancelledMeanwhile],
    )
    async def place_order(
        self, user_id: str, lines: Annotated[list[Line], MinLen(1), MaxLen(100)]
    ) -> PlacedOrder:
        """Order at today's prices. What cannot be held and paid is cancelled again."""
        ...

    @command(
        "POST /orders/{order_id}/cancel",
        allow="orders:write",
        raises=[UnknownOrder, BeingCancelled, ParcelLeft],
    )
    async def cancel_order(self, order_id: str) -> None:
        """Cancel an order whose parcel was not collected yet; what was paid is given back."""
        ...

    @query("GET /orders/totals", allow="orders:read")
    async def get_totals(self) -> OrderTotals:
        """Sum up all orders."""
        ...

    @query("GET /orders/{order_id}", allow="orders:read", raises=[UnknownOrder])
    async def get_order(self, order_id: str) -> Order:
        """Look an order up."""
        ...

    @query("GET /orders/{order_id}/changes", allow="orders:read", raises=[UnknownOrder])
    def follow_order(self, order_id: str) -> AsyncIterator[Order]:
        """Give the order as it is now and whenever it has changed, until it is decided."""
        ...

    @query("GET /users/{user_id}/orders", allow="orders:read")
    async def list_orders(self, user_id: str) -> list[Order]:
        """List a user's orders, the newest first, at most 100."""
        ...
