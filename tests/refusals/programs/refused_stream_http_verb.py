# expected: fill takes the stream 'lines' and is bound to PUT.
from collections.abc import AsyncIterator

from outgrow.contracts import Contract, command


class Stock(Contract):
    @command("PUT /stock", repeat="unsafe")
    async def fill(self, lines: AsyncIterator[int]) -> int: ...
