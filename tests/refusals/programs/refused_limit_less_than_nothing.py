# expected: has the limit max_length=-1, which is less than nothing
from typing import Annotated

from annotated_types import MaxLen
from outgrow.contracts import Contract, command



class Stock(Contract):
    @command()
    async def hold(self, tags: Annotated[list[str], MaxLen(-1)]) -> None: ...
