"""What the till promises."""

from __future__ import annotations

from outgrow import Contract, Event, command, query


class Sold(Event, key="till"):
    """Something was sold."""

    till: str
    number: int


class Till(Contract):
    """Sells."""

    @command()
    async def sell(self, till: str, number: int) -> int: ...

    @command()
    async def sell_later(self, till: str, number: int, seconds: int) -> None: ...

    @command()
    async def post(self, text: str) -> None: ...

    @command()
    async def toss(self, text: str) -> str: ...

    @query()
    async def get_sweeps(self) -> int: ...
