"""What napping promises."""

from datetime import datetime

from outgrow import Contract, command


class Napping(Contract):
    """One saga that sleeps."""

    @command()
    async def nap(self, until: datetime) -> None: ...
