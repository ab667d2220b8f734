# expected: has the limit ge=1, which bool cannot have; it can have none
from typing import Annotated

from annotated_types import Ge
from outgrow.contracts import Contract, command



class Stock(Contract):
    @command()
    async def hold(self, yes: Annotated[bool, Ge(1)]) -> None: ...
