# expected: an upcaster of OrderPlaced stands in refused_upcast_elsewhere, and the event in orders.
from typing import Any

from outgrow.contracts import Event, upcast


class OrderPlaced(Event, key="order_id", schema=2):
    __module__ = "orders"
    order_id: str


@upcast(OrderPlaced, schema=1)
def _(old: dict[str, Any]) -> dict[str, Any]:
    return old
