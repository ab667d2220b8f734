# expected: dataclass Item has an InitVar, which cannot be carried.
from dataclasses import InitVar, dataclass
from outgrow.contracts import Contract, command


@dataclass(frozen=True)
class Item:
    sku: str
    raw: InitVar[int]



class Stock(Contract):
    @command()
    async def hold(self, item: Item) -> None: ...
