# expected: event OrderPlaced was formerly 'OrderPlaced' too.
from outgrow.contracts import Event


class OrderPlaced(Event, key="order_id", aliases=["OrderPlaced"]):
    order_id: str
