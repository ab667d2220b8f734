# expected: the default 0 of parameter 'count' of hold breaks a limit of its type: 0 is not at least 1
from typing import Annotated

from annotated_types import Ge
from outgrow.contracts import Contract, command



class Stock(Contract):
    @command()
    async def hold(self, count: Annotated[int, Ge(1)] = 0) -> None: ...
