# expected: has the limit ge=1, which str cannot have
from typing import Annotated

from annotated_types import Ge
from outgrow.contracts import Contract, command



class Stock(Contract):
    @command()
    async def hold(self, sku: Annotated[str, Ge(1)]) -> None: ...
