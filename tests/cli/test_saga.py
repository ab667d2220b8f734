"""``outgrow saga`` as an operator meets it: a process runs, and a saga is stuck in it."""

from __future__ import annotations

import http.client
import importlib
import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from outgrow.errors import ControlError
from outgrow.process.control import ask
from tests.cli.test_event import Program
from tests.modules import forget_modules

SERVICE = """
from pathlib import Path
from outgrow import *
from stock import Stock
class Sold(Problem):
    name: str
class Orders(Contract):
    @command("POST /orders", raises=[Sold])
    async def place(self, order_id: str) -> str: ...
@service
class OrdersService(Orders):
    stock: Stock
    store: Store
    @saga
    async def place(self, run: Saga, order_id: str) -> str:
        run.tag(order_id=order_id)
        await run.step(self.stock.hold, order_id).undo(self.stock.release, order_id)
        if order_id.startswith("sold"):
            raise Sold(name=order_id)
        return await run.step(self.note, order_id)
    @transactional
    async def note(self, tx: Transaction, order_id: str) -> str:
        return order_id
"""
STOCK = """
from outgrow import *
class Stock(Contract):
    @command()
    async def hold(self, order_id: str) -> None: ...
    @command()
    async def release(self, order_id: str) -> None: ...
@service
class StockService(Stock):
    store: Store
    @transactional
    async def hold(self, tx: Transaction, order_id: str) -> None: ...
    @transactional
    async def release(self, tx: Transaction, order_id: str) -> None:
        raise RuntimeError("the shelf is broken")
"""


class Selling(Program):
    """Orders whose undoing fails."""

    def start(self, source: str = SERVICE) -> None:
        self.services = ["orders", "stock"]
        (self.folder / "stock.py").write_text(STOCK)
        super().start(source)

    def place(self, *order_ids: str) -> None:
        """Begin sagas; nobody waits for them."""
        for order_id in order_ids:
            body = json.dumps({"order_id": order_id})
            json_body = {"content-type": "application/json"}
            with closing(http.client.HTTPConnection(self.address, timeout=20)) as connection:
                connection.request("POST", "/orders", body, json_body)
                while not self._has_begun(order_id):
                    pass
            self.settle()

    def _has_begun(self, order_id: str) -> bool:
        told = ask(self.socket, "sagas", wanted={"tags": {"order_id": order_id}})
        return bool(told["sagas"])

    def saga(self, *arguments: str, typed: str = "") -> tuple[int, str, str]:
        """Status, what is printed, and what is said beside it."""
        application = importlib.import_module("outgrow.cli.application").application
        where = ["--state", str(self.folder / ".outgrow")]
        ended = CliRunner().invoke(application, ["saga", *arguments, *where], input=typed)
        if isinstance(ended.exception, ControlError):
            return 1, ended.stdout, str(ended.exception)
        return ended.exit_code, ended.stdout, ended.stderr

    def told(self, *arguments: str) -> Any:
        status, told, error = self.saga(*arguments, "--json")
        assert status == 0, error
        return json.loads(told)


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Selling]:
    made = Selling(tmp_path_factory.mktemp("selling"))
    try:
        made.start()
        yield made
    finally:
        for process in made.processes:
            process.kill()
            process.communicate()


def test_a_stuck_saga_is_found_shown_and_decided_about(program: Selling) -> None:
    program.place("sold-1", "sold-2")

    (first, second) = program.told("list", "--in", "stuck")["sagas"]
    assert {first["tags"]["order_id"], second["tags"]["order_id"]} == {"sold-1", "sold-2"}
    _, listed, _ = program.saga("list", "orders", "--tag", "order_id=sold-1")
    titles, row = listed.splitlines()
    assert titles.split()[:5] == ["id", "saga", "state", "step", "age"]
    assert "stuck undoing  1 stock.release" in row
    assert "order_id=sold-1" in row
    assert "the shelf is broken" in row

    saga_id = first["id"]
    _, shown, _ = program.saga("show", saga_id)
    assert f"id              {saga_id}" in shown
    assert shown.splitlines()[-1].split()[:5] == [
        "1",
        "step",
        "stock.hold",
        "reply",
        "stock.release",
    ]

    status, _, asked = program.saga("skip", saga_id, "1", "--reason", "swept", typed="n\n")
    assert status == 1
    assert "Pass over step 1?" in asked
    assert program.told("show", saga_id)["state"] == "stuck"

    status, told, _ = program.saga("skip", saga_id, "1", "--reason", "swept", "--yes")
    assert (status, told) == (
        0,
        f"{saga_id}: step 1 passed over in process main; it is undoing\n",
    )
    program.settle()
    assert program.told("show", saga_id)["state"] == "undone"

    status, told, _ = program.saga("retry", "--all", "orders.place")
    assert told == "orders.place: 1 stuck saga tried again in process main\n"
    program.settle()
    resolved = program.told("resolve", second["id"], "--reason", "by hand", "--yes")
    assert (resolved["state"], resolved["process"]) == ("resolved", "main")
    status, _, error = program.saga("undo", second["id"], "--reason", "again", "--yes")
    assert status == 1
    assert f"saga {second['id']} has ended: it is resolved since" in error

    rows = ask(program.socket, "history", service="orders", key=second["id"])["rows"]
    assert sorted(row["type"] for row in rows) == ["outgrow.SagaResolved", "outgrow.SagaRetried"]


def test_what_cannot_be_is_said(program: Selling) -> None:
    assert program.saga("skip", "orders-1", "1")[0] == 2
    for arguments, expected in (
        (("show", "orders-1"), "'orders-1' is no id of a saga"),
        (("list", "bank"), "'bank' is hosted by no process that answers"),
        (("list", "--in", "lost"), "'lost' is no state of a saga"),
        (("list", "stock"), "'stock' has no sagas in this process"),
        (("list", "--tag", "order_id"), "a tag is written as name=value"),
    ):
        status, _, error = program.saga(*arguments)
        assert status != 0
        assert expected in error


def test_a_saga_is_drawn_from_its_code(program: Selling, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(program.folder))
    file = ("--file", str(program.folder / "outgrow.toml"))
    try:
        status, drawn, _ = program.saga("graph", "orders.place", *file)
        _, _, error = program.saga("graph", "orders.other", *file)
    finally:
        forget_modules(Path(program.folder))

    lines = [line.strip() for line in drawn.splitlines()]
    assert status == 0
    assert 'p1["stock.hold"]' in lines
    assert "p1 -. undo .-> u1" in lines
    assert 'p2 -- "yes" --> p3' in lines
    assert 'p3(["undone: Sold(name=order_id)"])' in lines
    assert 'p4["orders.note"]' in lines
    assert "There are: orders.place" in error
