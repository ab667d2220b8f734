# expected: the path of fill has {lines}, which is no single value
from collections.abc import AsyncIterator

from outgrow.contracts import Contract, command


class Stock(Contract):
    @command("POST /stock/{lines}", repeat="unsafe")
    async def fill(self, lines: AsyncIterator[int]) -> int: ...
