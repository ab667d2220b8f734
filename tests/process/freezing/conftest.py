"""A small program whose contract changes from one test to the next."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from outgrow.process.freezing import Program, read_program
from tests.modules import forget_modules

ORDERS = '''
from outgrow import *

class Order(Record):
    """What was ordered."""
    order_id: str
    cents: int

class OrderPlaced(Event, key="order_id"):
    order_id: str

class UnknownOrder(Problem, status="not_found"):
    "There is no order {order_id}."
    order_id: str

class Orders(Contract):
    """Orders."""
    @command("POST /orders")
    async def place(self, item: str) -> Order:
        """Order it."""
    @query("GET /orders/{order_id}", raises=[UnknownOrder])
    async def find(self, order_id: str) -> Order: ...

@service
class OrdersService(Orders):
    async def place(self, item: str) -> Order: ...
    async def find(self, order_id: str) -> Order: ...
'''
NOTED = ORDERS.replace("    cents: int\n", "    cents: int\n    note: str = ''\n", 1)
UNPRICED = ORDERS.replace("    cents: int\n", "", 1)

Code = Callable[..., Program]


@pytest.fixture
def code(tmp_path: Path) -> Iterator[Code]:
    """Write the orders, forgetting what they were before, and read the program."""
    paths = list(sys.path)

    def write(source: str = ORDERS, **others: str) -> Program:
        forget_modules(tmp_path)
        modules = {"orders": source, **others}
        for name, text in modules.items():
            (tmp_path / f"{name}.py").write_text(text)
        services = ", ".join(f'"{name}"' for name in modules)
        file = tmp_path / "outgrow.toml"
        file.write_text(f'[app]\nname = "tried"\nservices = [{services}]\n')
        return read_program(file)

    yield write
    sys.path[:] = paths
    forget_modules(tmp_path)
