# expected: Stock.hold is not 'async def'.
from outgrow.contracts import Contract, command


class Stock(Contract):
    @command()
    def hold(self, item_id: str) -> None: ...
