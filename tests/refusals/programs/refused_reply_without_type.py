# expected: the reply of hold has no type.
from outgrow.contracts import Contract, command


class Stock(Contract):
    @command()
    async def hold(self, item_id: str): ...
