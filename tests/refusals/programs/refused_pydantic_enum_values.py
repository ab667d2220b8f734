# expected: Pydantic model Item holds the values of its enums instead of them (use_enum_values)
from enum import Enum
from pydantic import BaseModel, ConfigDict
from outgrow.contracts import Contract, command


class Colour(Enum):
    RED = "red"


class Item(BaseModel):
    model_config = ConfigDict(use_enum_values=True)
    colour: Colour



class Stock(Contract):
    @command()
    async def hold(self, item: Item) -> None: ...
