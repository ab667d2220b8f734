# expected: typing.Literal[True] mixes kinds.
from typing import Literal
from outgrow.contracts import Contract, command



class Stock(Contract):
    @command()
    async def hold(self, kind: Literal[True]) -> None: ...
