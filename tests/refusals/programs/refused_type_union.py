# expected: is a union whose members cannot be told apart. Carried is
from outgrow.contracts import Contract, command


class Stock(Contract):
    @command()
    async def hold(self, item: int | str) -> None: ...
