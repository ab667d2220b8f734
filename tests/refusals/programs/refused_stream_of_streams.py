# expected: AsyncIterator[int] is a stream inside of something else
from collections.abc import AsyncIterator

from outgrow.contracts import Contract, query


class Stock(Contract):
    @query()
    def watch(self, item_id: str) -> AsyncIterator[AsyncIterator[int]]: ...
