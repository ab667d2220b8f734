"""What the belt promises: one method for each way of streaming over HTTP."""

from collections.abc import AsyncIterator
from typing import Annotated

from annotated_types import Ge

from outgrow.contracts import Contract, Problem, Record, command, query


class Part(Record):
    """A part that goes by."""

    name: str
    grams: Annotated[int, Ge(1)] = 1


class Torn(Problem, status="aborted"):
    """The belt tore at {at}."""

    at: int


class Belt(Contract):
    """Carries parts."""

    @query("GET /parts/{count}", raises=[Torn], deadline="60s")
    def watch(self, count: int, torn_at: int | None = None) -> AsyncIterator[Part]: ...

    @query("GET /marks", deadline="60s")
    def marks(self) -> AsyncIterator[int]: ...

    @query("GET /blocks/{count}")
    def blocks(self, count: int) -> AsyncIterator[str]: ...

    @query("GET /hasty", deadline="200ms")
    def hasty(self) -> AsyncIterator[str]: ...

    @command("POST /parts/{place}", repeat="unsafe", allow="belt:write")
    async def put(self, parts: AsyncIterator[Part], place: str, note: str = "none") -> str: ...

    @command("POST /slow/{place}", repeat="unsafe")
    async def hesitate(self, parts: AsyncIterator[Part], place: str) -> str: ...

    @query("POST /searches")
    def search(self, names: list[str], grams: int = 1) -> AsyncIterator[Part]: ...

    @query("POST /weighings", raises=[Torn])
    def weigh(self, parts: AsyncIterator[Part]) -> AsyncIterator[int]: ...
