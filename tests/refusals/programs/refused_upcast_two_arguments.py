# expected: an upcaster of OrderTaken is no plain function of one value.
from typing import Any

from outgrow.contracts import Event, upcast


class OrderTaken(Event, key="order_id", schema=2):
    order_id: str


@upcast(OrderTaken, schema=1)
def _(old: dict[str, Any], schema: int) -> dict[str, Any]:
    return {**old, "schema": schema}
