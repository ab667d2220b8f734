from collections.abc import AsyncIterator

from outgrow import Contract, query


class Echoes(Contract):
    """Answers with what it was given, and tells where it is."""

    @query()
    async def echo(self, number: int) -> int: ...

    @query()
    async def count(self, text: str) -> int: ...

    @query()
    async def write(self, length: int) -> str: ...

    @query()
    async def read_own(self) -> str: ...

    @query()
    async def read_seen(self) -> list[str]: ...

    @query()
    async def fail(self) -> None: ...

    @query()
    async def get_pid(self) -> int: ...

    @query()
    def give(self) -> AsyncIterator[int]: ...

    @query()
    async def get_given(self) -> int: ...
