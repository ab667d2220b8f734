# expected: refused_union_equal_tags.Card | refused_union_equal_tags.Cash is a union
from outgrow.contracts import Contract, Record, command


class Card(Record, tag="pay"):
    number: str


class Cash(Record, tag="pay"):
    cents: int



class Stock(Contract):
    @command()
    async def hold(self, payment: Card | Cash) -> None: ...
