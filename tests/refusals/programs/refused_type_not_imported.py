# expected: types of contracts are needed when the program runs.
from __future__ import annotations

from typing import TYPE_CHECKING

from outgrow.contracts import Contract, query

if TYPE_CHECKING:
    from datetime import datetime


class Stock(Contract):
    @query()
    async def opened_at(self) -> datetime: ...
