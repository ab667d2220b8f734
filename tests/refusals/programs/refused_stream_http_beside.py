# expected: The body is the stream, so the other parameters are single values in the URL.
from collections.abc import AsyncIterator

from outgrow.contracts import Contract, command


class Stock(Contract):
    @command("POST /stock", repeat="unsafe")
    async def fill(self, tags: list[str], lines: AsyncIterator[int]) -> int: ...
