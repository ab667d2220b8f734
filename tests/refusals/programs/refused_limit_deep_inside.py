# expected: field 'cents' of Item: typing.Annotated[float, MinLen
from typing import Annotated

from annotated_types import MinLen
from outgrow.contracts import Contract, Record, command


class Item(Record):
    cents: Annotated[float, MinLen(1)]



class Stock(Contract):
    @command()
    async def hold(self, items: list[Item]) -> None: ...
