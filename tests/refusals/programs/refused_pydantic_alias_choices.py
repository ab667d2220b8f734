# expected: field 'code' of Pydantic model Item has several aliases. Give it one
from pydantic import AliasChoices, BaseModel, Field
from outgrow.contracts import Contract, command


class Item(BaseModel):
    code: str = Field(validation_alias=AliasChoices("code", "sku"))



class Stock(Contract):
    @command()
    async def hold(self, item: Item) -> None: ...
