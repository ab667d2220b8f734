# expected: enumeration Rate is no type that a contract can carry.
from enum import Enum
from outgrow.contracts import Contract, command


class Rate(Enum):
    HALF = 0.5



class Stock(Contract):
    @command()
    async def hold(self, rate: Rate) -> None: ...
