# expected: event OrderBegun was formerly 'refused_event_alias_claimed_twice.OrderTaken'
from outgrow.contracts import Contract, Event


class OrderPlaced(Event, key="order_id", aliases=["OrderTaken"]):
    order_id: str


class OrderBegun(Event, key="order_id", aliases=["OrderTaken"]):
    order_id: str


class Orders(Contract):
    pass
