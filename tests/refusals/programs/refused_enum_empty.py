# expected: enumeration Nothing is no type that a contract can carry.
from enum import Enum
from outgrow.contracts import Contract, command


class Nothing(Enum):
    pass



class Stock(Contract):
    @command()
    async def hold(self, size: Nothing) -> None: ...
