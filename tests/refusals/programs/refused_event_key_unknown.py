# expected: event OrderPlaced is ordered by 'order', which is no field of it.
from outgrow.contracts import Event


class OrderPlaced(Event, key="order"):
    order_id: str
