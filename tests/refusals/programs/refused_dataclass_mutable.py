# expected: dataclass Item can be changed. Write @dataclass(frozen=True)
from dataclasses import dataclass
from outgrow.contracts import Contract, command


@dataclass
class Item:
    sku: str



class Stock(Contract):
    @command()
    async def hold(self, item: Item) -> None: ...
