# expected: Any is no type that a contract can carry
from typing import Any
from outgrow.contracts import Contract, command



class Stock(Contract):
    @command()
    async def hold(self, item: Any) -> None: ...
