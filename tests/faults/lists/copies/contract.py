"""What the copies promise."""

from outgrow import Contract, command


class Copies(Contract):
    """Copies lists from what it hears."""

    @command(repeat="unsafe")
    async def fail_next(self, name: str, times: int) -> None: ...
