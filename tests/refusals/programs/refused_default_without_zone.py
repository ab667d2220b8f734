# expected: of parameter 'due' of hold cannot be carried: 2020-01-01T00:00:00 has no zone
from datetime import datetime
from outgrow.contracts import Contract, command



class Stock(Contract):
    @command()
    async def hold(self, due: datetime = datetime(2020, 1, 1)) -> None: ...
