# expected: the default '' of field 'sku' of Item breaks a limit of its type
from dataclasses import dataclass
from typing import Annotated

from annotated_types import MinLen
from outgrow.contracts import Contract, command


@dataclass(frozen=True)
class Item:
    sku: Annotated[str, MinLen(1)] = ""



class Stock(Contract):
    @command()
    async def hold(self, item: Item) -> None: ...
