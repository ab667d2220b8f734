"""What counting promises."""

from outgrow import Contract, Event, command, query


class Counted(Event, key="account_id"):
    """Something was counted."""

    account_id: int
    count: int


class Counting(Contract):
    """Counts."""

    @command()
    async def count(self, account_id: int) -> int: ...

    @query()
    async def get_count(self, account_id: int) -> int: ...
