# expected: command fill streams, and promises one effect for one key.
from collections.abc import AsyncIterator

from outgrow.contracts import Contract, command


class Stock(Contract):
    @command()
    async def fill(self, lines: AsyncIterator[int]) -> int: ...
