# expected: event OrderPlaced has the schema 0.
from outgrow.contracts import Event


class OrderPlaced(Event, key="order_id", schema=0):
    order_id: str
