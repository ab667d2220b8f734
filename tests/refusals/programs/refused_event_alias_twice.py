# expected: event OrderPlaced was formerly 'OrderTaken', twice.
from outgrow.contracts import Event


class OrderPlaced(Event, key="order_id", aliases=["OrderTaken", "OrderTaken"]):
    order_id: str
