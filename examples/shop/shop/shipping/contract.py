"""What shipping promises."""

from enum import StrEnum
from typing import Annotated

from annotated_types import MaxLen, MinLen

from outgrow import Contract, Event, Problem, Record, command, query


class ParcelState(StrEnum):
    """Where a parcel is."""

    WAITING = "waiting"
    UNDER_WAY = "under_way"
    DELIVERED = "delivered"
    STOPPED = "stopped"


class Parcel(Record):
    """What is sent for an order."""

    order_id: str
    user_id: str
    state: ParcelState


class ParcelTotals(Record):
    """Parcels by state."""

    waiting: int
    under_way: int
    delivered: int
    stopped: int


class ParcelCollected(Event, key="order_id"):
    """The carrier has a parcel; it cannot be stopped any more."""

    order_id: str
    user_id: str


class ParcelDelivered(Event, key="order_id"):
    """A parcel has arrived."""

    order_id: str
    user_id: str


class UnknownParcel(Problem, status="not_found"):
    """No parcel is sent for the order {order_id!r}."""

    order_id: str


class ParcelLeft(Problem, status="failed_precondition"):
    """The carrier has the parcel for the order {order_id!r} already."""

    order_id: str


class Shipping(Contract):
    """Sends parcels, and knows where they are."""

    @command()
    async def send(self, order_id: str, user_id: str) -> None:
        """Put a parcel where the carrier collects it."""
        ...

    @command(raises=[ParcelLeft])
    async def stop(self, order_id: str) -> None:
        """Keep a parcel here, also if it is still to come."""
        ...

    @command("POST /parcels/collections", allow="parcels:write")
    async def collect(self) -> list[str]:
        """Hand the carrier up to 100 parcels over; their orders."""
        ...

    @command("POST /parcels/deliveries", allow="parcels:write", raises=[UnknownParcel])
    async def deliver(self, order_ids: Annotated[list[str], MinLen(1), MaxLen(100)]) -> None:
        """Note that the carrier has delivered the parcels for these orders."""
        ...

    @query("GET /parcels/totals", allow="parcels:read")
    async def get_totals(self) -> ParcelTotals:
        """Count all parcels."""
        ...

    @query("GET /parcels/{order_id}", allow="parcels:read", raises=[UnknownParcel])
    async def get_parcel(self, order_id: str) -> Parcel:
        """Look up where the parcel for an order is."""
        ...
