"""What the source of lists promises."""

from outgrow import Contract, Event, command, query


class Appended(Event, key="name"):
    name: str
    value: int


class Source(Contract):
    """Keeps lists, and tells of each value."""

    @command()
    async def append(self, name: str, values: list[int]) -> int: ...

    @command()
    async def append_later(self, name: str, value: int, seconds: int) -> None: ...

    @command()
    async def confirm(self, name: str, value: int) -> None: ...

    @query()
    async def count(self) -> int: ...
