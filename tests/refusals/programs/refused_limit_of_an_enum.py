# expected: has the limit ge=1, which such a type cannot have
from enum import Enum
from typing import Annotated

from annotated_types import Ge
from outgrow.contracts import Contract, command


class Size(Enum):
    SMALL = "small"



class Stock(Contract):
    @command()
    async def hold(self, size: Annotated[Size, Ge(1)]) -> None: ...
