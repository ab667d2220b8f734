# expected: field 'label' of Pydantic model Item takes its default from other fields.
from pydantic import BaseModel, Field
from outgrow.contracts import Contract, command


class Item(BaseModel):
    sku: str
    label: str = Field(default_factory=lambda data: data["sku"])



class Stock(Contract):
    @command()
    async def hold(self, item: Item) -> None: ...
