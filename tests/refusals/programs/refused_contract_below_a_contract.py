# expected: StockV2 is no contract.
from outgrow.contracts import Contract, query, read_contract


class Stock(Contract):
    @query()
    async def count(self) -> int: ...


class StockV2(Stock):
    pass


read_contract(StockV2)
