# expected: the reply of watch: AsyncIterator does not say of what.
from collections.abc import AsyncIterator

from outgrow.contracts import Contract, query


class Stock(Contract):
    @query()
    def watch(self, item_id: str) -> AsyncIterator: ...
