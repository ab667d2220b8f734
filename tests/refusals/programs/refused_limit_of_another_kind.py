# expected: has the limit ge='a', which cannot be compared with int
from typing import Annotated

from annotated_types import Ge
from outgrow.contracts import Contract, command



class Stock(Contract):
    @command()
    async def hold(self, count: Annotated[int, Ge("a")]) -> None: ...
