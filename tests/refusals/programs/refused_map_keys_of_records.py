# expected: has keys that are no text. Give it keys of str, int, UUID or date
from outgrow.contracts import Contract, Record, command


class Item(Record):
    sku: str



class Stock(Contract):
    @command()
    async def hold(self, items: dict[Item, int]) -> None: ...
