# expected: are both 'Size' in one contract.
from enum import Enum

from outgrow.contracts import Contract, Record, query


class Size(Enum):
    SMALL = "small"


Choice = Size


class Size(Record):  # noqa: F811
    width: int


class Stock(Contract):
    @query()
    async def measure(self, size: Choice) -> Size: ...
