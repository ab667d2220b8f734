# expected: field 'lines' of Upload: collections.abc.AsyncIterator[str] is a stream inside
from collections.abc import AsyncIterator

from outgrow.contracts import Contract, Record, query


class Upload(Record):
    lines: AsyncIterator[str]


class Stock(Contract):
    @query()
    async def count(self, upload: Upload) -> int: ...
