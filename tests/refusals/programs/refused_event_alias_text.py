# expected: aliases='OrderTaken' of event OrderPlaced is no list.
from outgrow.contracts import Event


class OrderPlaced(Event, key="order_id", aliases="OrderTaken"):
    order_id: str
