"""What the relay promises."""

from collections.abc import AsyncIterator

from feeds.feed.contract import Seen
from outgrow import Contract, command, query


class Relay(Contract):
    """Stands between a caller and the feed."""

    @query()
    def count(self, upto: int) -> AsyncIterator[int]: ...

    @query()
    def flow(self, name: str, size: int) -> AsyncIterator[bytes]: ...

    @query()
    def stop_after(self, name: str, after: int) -> AsyncIterator[int]: ...

    @query()
    def see(self, often: int) -> AsyncIterator[list[Seen]]: ...

    @query()
    async def see_in_given(self) -> list[Seen]: ...

    @query()
    async def add(self, numbers: AsyncIterator[int]) -> int: ...

    @query()
    def echo(self, name: str, lines: AsyncIterator[str]) -> AsyncIterator[str]: ...

    @query()
    async def count_first(self, name: str, upto: int) -> int: ...

    @query()
    async def told_by_failure(self, after: int) -> str: ...

    @command()
    async def stream_in_transaction(self) -> str: ...
