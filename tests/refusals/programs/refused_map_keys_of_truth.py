# expected: dict[bool, int] has keys that are no text.
from outgrow.contracts import Contract, command



class Stock(Contract):
    @command()
    async def hold(self, items: dict[bool, int]) -> None: ...
