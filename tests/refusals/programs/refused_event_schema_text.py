# expected: event OrderPlaced has the schema '2'.
from outgrow.contracts import Event


class OrderPlaced(Event, key="order_id", schema="2"):
    order_id: str
