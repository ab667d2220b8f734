# expected: which has no time zone
from datetime import datetime
from typing import Annotated

from annotated_types import Ge
from outgrow.contracts import Contract, command



class Stock(Contract):
    @command()
    async def hold(self, due: Annotated[datetime, Ge(datetime(2020, 1, 1))]) -> None: ...
