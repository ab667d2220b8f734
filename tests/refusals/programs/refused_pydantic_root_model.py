# expected: Skus is a RootModel, which has no fields.
from pydantic import RootModel
from outgrow.contracts import Contract, command


class Skus(RootModel[list[str]]):
    pass



class Stock(Contract):
    @command()
    async def hold(self, skus: Skus) -> None: ...
