# expected: has the limit multiple_of=0, which is not more than nothing
from typing import Annotated

from annotated_types import MultipleOf
from outgrow.contracts import Contract, command



class Stock(Contract):
    @command()
    async def hold(self, count: Annotated[int, MultipleOf(0)]) -> None: ...
