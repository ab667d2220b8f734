# expected: typing.Literal['a', 1] mixes kinds.
from typing import Literal
from outgrow.contracts import Contract, command



class Stock(Contract):
    @command()
    async def hold(self, kind: Literal["a", 1]) -> None: ...
