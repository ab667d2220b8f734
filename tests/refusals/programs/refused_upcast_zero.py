# expected: an upcaster of OrderPlaced is for schema 0, and the event has schema 1.
from typing import Any

from outgrow.contracts import Event, upcast


class OrderPlaced(Event, key="order_id"):
    order_id: str


@upcast(OrderPlaced, schema=0)
def _(old: dict[str, Any]) -> dict[str, Any]:
    return old
