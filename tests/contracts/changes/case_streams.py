"""Streams: what becomes one or was one, and changes of their items."""

from __future__ import annotations

from tests.contracts.changes import reasons as why
from tests.contracts.changes.case import Case, Says, Side, both


def taking(parameter: str, given: str) -> Side:
    source = "class Shop(Contract):\n    @command(repeat='unsafe')\n"
    source += f"    async def put(self, till: str, {parameter}) -> None: ...\n"
    return Side(source=source, calls=(f"put(till='a', {given})",))


def giving(hint: str, reply: str) -> Side:
    word = "def" if hint.startswith("AsyncIterator") else "async def"
    source = f"class Shop(Contract):\n    @query()\n    {word} get(self) -> {hint}: ...\n"
    return Side(source=source, calls=("get()",), reply=reply)


LIST = taking("items: list[str]", "items=['b', 'c']")
STREAM = taking("items: AsyncIterator[str]", "items=['b', 'c']")

CASES: list[Case] = [
    *both(
        giving("int", "1"),
        giving("AsyncIterator[int]", "[1, 2]"),
        Says("streaming-changed", "a reply into a stream", "bb-", "none", "breaks"),
        Says("streaming-changed", "a stream into a reply", "bb-", "none", "breaks"),
    ),
    *both(
        LIST,
        STREAM,
        Says("streaming-changed", "a parameter into a stream", "bb-", "none", "breaks"),
        Says("streaming-changed", "a stream into a parameter", "bb-", "none", "breaks"),
    ),
    *both(
        giving("AsyncIterator[int]", "[1, 2]"),
        giving("AsyncIterator[str]", "['a', 'b']"),
        Says("reply-type-changed", "items of a stream, int to str", "bb-", "none", "breaks"),
        Says("reply-type-changed", "items of a stream, str to int", "bb-", "none", "breaks"),
    ),
    *both(
        taking("items: AsyncIterator[str]", "items=['a', 'abcd']"),
        taking("items: AsyncIterator[Annotated[str, MaxLen(3)]]", "items=['abc', 'd']"),
        Says("limit-tightened", "of a stream's items", "bs-", "consumers", "safe", why.LIMITS),
        Says("limit-loosened", "of a stream's items", "sb-", "provider", "safe", why.LIMITS),
    ),
    Says("parameter-renamed", "a stream", "bb-", "none", "safe", why.ITEMS).case(
        STREAM, taking("rows: AsyncIterator[str]", "rows=['b', 'c']")
    ),
]
