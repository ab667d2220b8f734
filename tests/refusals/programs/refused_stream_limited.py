# expected: Say it of each item
from collections.abc import AsyncIterator
from typing import Annotated

from annotated_types import MaxLen

from outgrow.contracts import Contract, query


class Stock(Contract):
    @query()
    async def count(self, lines: Annotated[AsyncIterator[int], MaxLen(3)]) -> int: ...
