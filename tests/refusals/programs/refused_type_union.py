# expected: is a union. Only 'X | None' is carried for now
from outgrow.contracts import Contract, command


class Stock(Contract):
    @command()
    async def hold(self, item: int | str) -> None: ...
