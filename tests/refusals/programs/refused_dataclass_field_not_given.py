# expected: field 'total' of dataclass Item cannot be given when it is made
from dataclasses import dataclass, field
from outgrow.contracts import Contract, command


@dataclass(frozen=True)
class Item:
    sku: str
    total: int = field(default=0, init=False)



class Stock(Contract):
    @command()
    async def hold(self, item: Item) -> None: ...
