# expected: the default inf of parameter 'rate' of hold cannot be carried: inf is no finite number
from outgrow.contracts import Contract, command



class Stock(Contract):
    @command()
    async def hold(self, rate: float = float("inf")) -> None: ...
