# expected: refused_event_alias_lives.OrderTaken', and so is or was event OrderTaken, at
from outgrow.contracts import Contract, Event


class OrderTaken(Event, key="order_id"):
    order_id: str


class OrderPlaced(Event, key="order_id", aliases=["OrderTaken"]):
    order_id: str


class Orders(Contract):
    pass
