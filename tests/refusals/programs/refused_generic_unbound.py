# expected: ~T is bound to nothing. Write what a generic record holds
from typing import Generic, TypeVar
from outgrow.contracts import Contract, Record, command


T = TypeVar("T")


class Page(Record, Generic[T]):
    items: list[T]



class Stock(Contract):
    @command()
    async def hold(self, page: Page) -> None: ...
