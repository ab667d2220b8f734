# expected: Stock.hold is neither a query nor a command.
from outgrow.contracts import Contract


class Stock(Contract):
    async def hold(self, item_id: str) -> None: ...
