# expected: Basket cannot be made:
from outgrow.contracts import Record


class Basket(Record):
    items: list[int] = [1, 2]
