# expected: @command() promises repeat='never'.
from outgrow.contracts import Contract, command


class Stock(Contract):
    @command(repeat="never")
    async def hold(self) -> None: ...
