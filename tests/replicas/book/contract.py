"""What the book promises."""

from __future__ import annotations

from outgrow import Contract, Record, command, query


class Line(Record):
    """One line: what it says, and the process that wrote it."""

    till: str
    number: int
    pid: int


class Book(Contract):
    """Writes down what happens."""

    @command()
    async def write(self, text: str) -> None: ...

    @query()
    async def get_lines(self) -> list[Line]: ...
