"""What one promises."""

from outgrow import Contract, command, query
from ring.outcomes import Outcome


class One(Contract):
    """Answers, and asks the others."""

    @query()
    async def ask(self, text: str) -> str: ...

    @command()
    async def add(self, number: int) -> int: ...

    @command(repeat="unsafe")
    async def ring(self, number: int) -> int: ...

    @query()
    async def count(self, number: int) -> int: ...

    @query()
    async def ask_two(self, text: str, seconds: float) -> Outcome: ...

    @command(repeat="unsafe")
    async def ring_two(self, number: int, seconds: float) -> Outcome: ...

    @query()
    async def ask_three(self, text: str, seconds: float) -> Outcome: ...

    @command(repeat="unsafe")
    async def ring_three(self, number: int, seconds: float) -> Outcome: ...
