# expected: refused_union_tag_fields.Card | refused_union_tag_fields.Cash is a union
from dataclasses import dataclass
from typing import Literal
from outgrow.contracts import Contract, command


@dataclass(frozen=True)
class Card:
    kind: Literal["card"] = "card"


@dataclass(frozen=True)
class Cash:
    sort: Literal["cash"] = "cash"



class Stock(Contract):
    @command()
    async def hold(self, payment: Card | Cash) -> None: ...
