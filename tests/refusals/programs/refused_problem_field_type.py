# expected: problem SoldOut of hold: field 'item' of SoldOut: object is no type
from outgrow.contracts import Contract, Problem, command


class SoldOut(Problem):
    """Nothing is left of {item}."""

    item: object


class Stock(Contract):
    @command(raises=[SoldOut])
    async def hold(self, item_id: str) -> None: ...
