"""What flying promises."""

from outgrow import Contract, command


class Flying(Contract):
    """Takes part in a trip."""

    @command()
    async def reserve(self, trip_id: str) -> None:
        """Reserve what the trip needs."""

    @command()
    async def release(self, trip_id: str) -> None:
        """Give it back."""
