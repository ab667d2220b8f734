"""What the cranes promise."""

from outgrow import Contract, command, query


class Cranes(Contract):
    """Lift what ships carry."""

    @command()
    async def lift(self, ship: str) -> int:
        """Unload a ship; how many loads there are now."""

    @command()
    async def lower(self, ship: str) -> None:
        """Load it again."""

    @query()
    async def count(self) -> int:
        """How many loads there are."""

    @query()
    async def moves(self) -> list[str]:
        """What was lifted and lowered, in order."""
