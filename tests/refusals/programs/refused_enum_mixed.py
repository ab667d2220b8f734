# expected: enumeration Size is no type that a contract can carry. Give it members
from enum import Enum
from outgrow.contracts import Contract, command


class Size(Enum):
    SMALL = "small"
    LARGE = 2



class Stock(Contract):
    @command()
    async def hold(self, size: Size) -> None: ...
