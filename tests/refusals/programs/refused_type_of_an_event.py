# expected: field 'items' of Held: set[str] is no type that a contract can carry
from outgrow.contracts import Contract, Event


class Held(Event, key=None):
    items: set[str]


class Stock(Contract): ...
