# expected: the reply of watch: collections.abc.AsyncGenerator[int, None] is no stream
from collections.abc import AsyncGenerator

from outgrow.contracts import Contract, query


class Stock(Contract):
    @query()
    def watch(self, item_id: str) -> AsyncGenerator[int, None]: ...
