"""What the bakery promises: one method for each way of being bound to HTTP."""

from datetime import datetime
from enum import Enum
from typing import Annotated

from annotated_types import Ge, MaxLen

from outgrow.contracts import Contract, Problem, Record, command, query


class Size(Enum):
    SMALL = "small"
    LARGE = "large"


class Topping(Record):
    """What comes on top."""

    name: Annotated[str, MaxLen(20)]
    grams: int = 5


class Line(Record):
    sku: str
    quantity: Annotated[int, Ge(1)]
    toppings: list[Topping] = []
    note: str | None = None


class Order(Record):
    """An order as it was accepted."""

    order_id: str
    lines: list[Line]
    due: datetime | None = None


class Box(Record):
    """Boxes come in boxes."""

    label: str
    inside: list["Box"] = []


class OutOfStock(Problem, status="failed_precondition"):
    """There is no {sku} left."""

    sku: str
    left: int


class NoSuchOrder(Problem, status="not_found"):
    """There is no order {order_id}."""

    order_id: str


class Bakery(Contract):
    """Bakes to order."""

    @command("POST /orders", raises=[OutOfStock])
    async def place_order(
        self, user_id: str, lines: list[Line], size: Size = Size.SMALL, due: datetime | None = None
    ) -> Order:
        """
        Place an order.

        It is baked at once.
        """

    @query("GET /orders/{order_id}", raises=[NoSuchOrder])
    async def get_order(self, order_id: str) -> Order: ...

    @command("POST /orders/{order_id}/cancel")
    async def cancel_order(self, order_id: str) -> None: ...

    @command("PUT /orders/{order_id}/notes/{number}", repeat="unsafe")
    async def write_note(
        self, text: str, order_id: str, number: int, loud: bool = False
    ) -> str: ...

    @query("GET /orders/latest")
    async def latest(self) -> str | None: ...

    @query("GET /prices")
    async def price(
        self,
        cents: Annotated[int, Ge(1)],
        rate: float = 1.0,
        size: Size | None = None,
        is_gift: bool = False,
        name: str | None = None,
    ) -> str: ...

    @command("DELETE /orders/{order_id}", allow="orders:write")
    async def delete_order(self, order_id: str, reason: str = "none") -> None: ...

    @command("POST /boxes")
    async def pack(self, boxes: dict[str, Box]) -> int: ...

    @query("GET /slow", deadline="5s")
    async def slow(self) -> str: ...

    @query("GET /large/{kilobytes}")
    async def large(self, kilobytes: int) -> str: ...

    @query("GET /fails/{how}")
    async def fail(self, how: str) -> str: ...

    @query()
    async def hidden(self) -> str: ...
