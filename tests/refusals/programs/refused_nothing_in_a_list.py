# expected: None cannot be an item of a list
from outgrow.contracts import Contract, command



class Stock(Contract):
    @command()
    async def hold(self, items: list[None]) -> None: ...
