# expected: refused_union_untagged.Card | refused_union_untagged.Cash is a union whose members cannot
from outgrow.contracts import Contract, Record, command


class Card(Record):
    number: str


class Cash(Record):
    cents: int



class Stock(Contract):
    @command()
    async def hold(self, payment: Card | Cash) -> None: ...
