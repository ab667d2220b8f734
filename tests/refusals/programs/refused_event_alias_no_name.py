# expected: event OrderPlaced was formerly 'orders.OrderTaken', which is no name of a class.
from outgrow.contracts import Event


class OrderPlaced(Event, key="order_id", aliases=["orders.OrderTaken"]):
    order_id: str
