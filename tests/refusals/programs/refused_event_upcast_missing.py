# expected: event OrderPlaced has schema 3, and nothing makes schema 2 of 1
from typing import Any

from outgrow.contracts import Contract, Event, upcast


class OrderPlaced(Event, key="order_id", schema=3):
    order_id: str


@upcast(OrderPlaced, schema=2)
def _(old: dict[str, Any]) -> dict[str, Any]:
    return old


class Orders(Contract):
    pass
