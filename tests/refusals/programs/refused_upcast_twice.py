# expected: OrderPlaced has two upcasters for schema 1; the other is at
from typing import Any

from outgrow.contracts import Event, upcast


class OrderPlaced(Event, key="order_id", schema=2):
    order_id: str


@upcast(OrderPlaced, schema=1)
def first(old: dict[str, Any]) -> dict[str, Any]:
    return old


@upcast(OrderPlaced, schema=1)
def second(old: dict[str, Any]) -> dict[str, Any]:
    return old
