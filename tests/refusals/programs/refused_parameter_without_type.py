# expected: parameter 'item_id' of hold has no type.
from outgrow.contracts import Contract, command


class Stock(Contract):
    @command()
    async def hold(self, item_id) -> None: ...
