# expected: Pydantic model Item keeps unknown fields (extra="allow")
from pydantic import BaseModel, ConfigDict
from outgrow.contracts import Contract, command


class Item(BaseModel):
    model_config = ConfigDict(extra="allow")
    sku: str



class Stock(Contract):
    @command()
    async def hold(self, item: Item) -> None: ...
