# expected: has the limit max_length=3, which int cannot have
from typing import Annotated

from annotated_types import MaxLen
from outgrow.contracts import Contract, command



class Stock(Contract):
    @command()
    async def hold(self, count: Annotated[int, MaxLen(3)]) -> None: ...
