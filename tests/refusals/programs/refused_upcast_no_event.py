# expected: an upcaster is for Order, which is no event.
from typing import Any

from outgrow.contracts import Record, upcast


class Order(Record):
    order_id: str


@upcast(Order, schema=1)
def _(old: dict[str, Any]) -> dict[str, Any]:
    return old
