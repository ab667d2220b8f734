# expected: the default '1.50' of field 'price' of Item is not of its type.
from decimal import Decimal
from outgrow.contracts import Contract, Record, command


class Item(Record):
    price: Decimal = "1.50"



class Stock(Contract):
    @command()
    async def hold(self, item: Item) -> None: ...
