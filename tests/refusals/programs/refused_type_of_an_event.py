# expected: field 'items' of Held: object is no type that a contract can carry
from outgrow.contracts import Contract, Event


class Held(Event, key=None):
    items: set[object]


class Stock(Contract): ...
