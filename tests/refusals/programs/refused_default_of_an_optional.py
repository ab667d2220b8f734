# expected: the default '' of parameter 'note' of hold breaks a limit of its type
from typing import Annotated

from annotated_types import MinLen

from outgrow.contracts import Contract, command


class Stock(Contract):
    @command()
    async def hold(self, note: Annotated[str | None, MinLen(1)] = "") -> None: ...
