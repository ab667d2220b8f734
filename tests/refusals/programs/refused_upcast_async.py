# expected: an upcaster of OrderPlaced is no plain function of one value.
from typing import Any

from outgrow.contracts import Event, upcast


class OrderPlaced(Event, key="order_id", schema=2):
    order_id: str


@upcast(OrderPlaced, schema=1)
async def _(old: dict[str, Any]) -> dict[str, Any]:
    return old
