"""What quoting promises."""

from outgrow import Contract, Record, query


class Quote(Record):
    """A small reply."""

    order_id: str
    cents: int


class Quoting(Contract):
    """One method with a small request and reply."""

    @query()
    async def quote(self, order_id: str, cents: int) -> Quote: ...
