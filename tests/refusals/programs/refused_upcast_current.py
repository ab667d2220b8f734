# expected: an upcaster of OrderPlaced is for schema 2, and the event has schema 2.
from typing import Any

from outgrow.contracts import Event, upcast


class OrderPlaced(Event, key="order_id", schema=2):
    order_id: str


@upcast(OrderPlaced, schema=2)
def _(old: dict[str, Any]) -> dict[str, Any]:
    return old
