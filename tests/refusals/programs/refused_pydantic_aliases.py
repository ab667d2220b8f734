# expected: field 'sku' of Pydantic model Item has several aliases. Give it one
from pydantic import BaseModel, Field
from outgrow.contracts import Contract, command


class Item(BaseModel):
    sku: str = Field(validation_alias="SKU", serialization_alias="Sku")



class Stock(Contract):
    @command()
    async def hold(self, item: Item) -> None: ...
