"""What traveling promises."""

from outgrow import Contract, command


class Traveling(Contract):
    """Makes trips of three steps."""

    @command()
    async def travel_here(self, trip_id: str) -> None:
        """Travel by steps of the service's own."""

    @command()
    async def travel(self, trip_id: str) -> None:
        """Travel by steps of three other services."""
