# expected: the default 'small' of parameter 'size' of hold is not of its type.
from enum import Enum
from outgrow.contracts import Contract, command


class Size(Enum):
    SMALL = "small"



class Stock(Contract):
    @command()
    async def hold(self, size: Size = "small") -> None: ...
