# expected: event OrderPlaced does not say what keeps its order.
from outgrow.contracts import Event


class OrderPlaced(Event):
    order_id: str
