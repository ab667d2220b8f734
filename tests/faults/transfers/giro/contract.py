"""What is promised of transfers."""

from outgrow import Contract, command, query
from tests.faults.transfers.north.contract import Overdrawn
from tests.faults.transfers.south.contract import Closed


class Giro(Contract):
    """Money arrives, or stays where it was."""

    @command(raises=[Overdrawn, Closed])
    async def transfer(self, order: str, source: str, target: str, cents: int) -> str: ...

    @command(raises=[Overdrawn, Closed])
    async def rush(self, order: str, source: str, target: str, cents: int) -> str: ...

    @query()
    async def total(self) -> int: ...
