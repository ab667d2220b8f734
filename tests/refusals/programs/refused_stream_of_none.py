# expected: the reply of watch: its items may be None
from collections.abc import AsyncIterator

from outgrow.contracts import Contract, query


class Stock(Contract):
    @query()
    def watch(self, item_id: str) -> AsyncIterator[int | None]: ...
