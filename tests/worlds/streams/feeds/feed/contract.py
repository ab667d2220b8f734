"""What the feed promises."""

from collections.abc import AsyncIterator
from typing import Annotated

from annotated_types import Le

from outgrow import Contract, Problem, Record, command, query

Number = Annotated[int, Le(1_000_000)]


class Item(Record):
    """One of many; its tags could be changed."""

    number: Number
    tags: list[str]


class Seen(Record):
    """What an execution knows about itself."""

    subject: str
    correlation_id: str
    trace: str
    via: str


class Noted(Record):
    """What has happened to the streams of one name."""

    begun: int
    made: int
    taken: int
    ended: int
    closed: int
    cancelled: int


class Dry(Problem, status="not_found"):
    """There is nothing after {number}."""

    number: int


class Feed(Contract):
    """Gives and takes items."""

    @query()
    def count(self, upto: int) -> AsyncIterator[int]: ...

    @query()
    def list_items(self, upto: int) -> AsyncIterator[Item]: ...

    @query()
    def give_one(self, item: Item, often: int) -> AsyncIterator[Item]: ...

    @query(raises=[Dry])
    def run_dry(self, after: int) -> AsyncIterator[int]: ...

    @query()
    def fail(self, after: int, text: str) -> AsyncIterator[int]: ...

    @query()
    def flow(self, name: str, size: int) -> AsyncIterator[bytes]: ...

    @query("GET /stops/{name}/{after}")
    def stop_after(self, name: str, after: int) -> AsyncIterator[int]: ...

    @query(deadline="5s")
    def hurry(self, name: str, after: int) -> AsyncIterator[int]: ...

    @query(allow="feed:read")
    def count_secretly(self, name: str) -> AsyncIterator[int]: ...

    @query()
    def see(self, often: int) -> AsyncIterator[Seen]: ...

    @query()
    def misfit(self, after: int) -> AsyncIterator[Item]: ...

    @query()
    async def add(self, numbers: AsyncIterator[Number]) -> int: ...

    @query()
    async def add_tags(self, name: str, items: AsyncIterator[Item]) -> list[str]: ...

    @query(raises=[Dry])
    async def take(self, name: str, upto: int, numbers: AsyncIterator[int]) -> int: ...

    @query()
    async def take_bytes(self, name: str, pieces: AsyncIterator[bytes]) -> int: ...

    @query()
    def echo(self, name: str, lines: AsyncIterator[str]) -> AsyncIterator[str]: ...

    @query()
    async def noted(self, name: str) -> Noted: ...

    @command(repeat="unsafe")
    async def let_go(self, name: str) -> None: ...
