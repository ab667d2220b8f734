# expected: Stock.hold takes *item_ids: str.
from outgrow.contracts import Contract, command


class Stock(Contract):
    @command()
    async def hold(self, *item_ids: str) -> None: ...
