# expected: Item is no type that a contract can carry.
from outgrow.contracts import Contract, command


class Item:
    sku: str



class Stock(Contract):
    @command()
    async def hold(self, item: Item) -> None: ...
