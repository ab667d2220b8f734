# expected: int | refused_union_of_scalar_and_record.Card is a union whose members
from outgrow.contracts import Contract, Record, command


class Card(Record, tag="card"):
    number: str



class Stock(Contract):
    @command()
    async def hold(self, payment: int | Card) -> None: ...
