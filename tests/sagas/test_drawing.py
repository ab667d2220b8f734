"""The text of a saga's method is read as it flows, and drawn."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

from outgrow import Saga, saga
from outgrow.sagas import codes_of
from outgrow.sagas.operating import Flow, draw_code, read_flow
from tests.sagas.orders import Orders, OrdersService
from tests.sagas.payments import Payments
from tests.sagas.stock import Full, Stock


class Shop(Orders):
    stock: Stock
    payments: Payments
    create = OrdersService.create
    cancel = OrdersService.cancel
    confirm = OrdersService.confirm

    @saga
    async def place(self, run: Saga, name: str) -> str:
        await self.prepare(run, name)
        for each in name:
            if each == "x":
                continue
            await run.step(self.stock.hold, each).undo(self.stock.release, each)
        try:
            paid = run.step(self.payments.charge, name, 5)
            await paid.undo(self.payments.refund, name)
        except Full:
            return "full"
        match name:
            case "a":
                await run.sleep(timedelta(days=1))
            case "b":
                raise Full(name=name)
        await run.all(
            run.step(self.confirm, name),
            *[run.step(self.stock.plain, each) for each in name],
        )
        return str(await run.step(self.stock.hold, name).pivot())

    async def prepare(self, run: Saga, name: str) -> None:
        await run.step(self.create, name).undo(self.cancel, name)


def flow() -> Flow:
    return read_flow(Shop, codes_of(Shop)["place", 1])


def ways(flow: Flow) -> set[tuple[str, str, str]]:
    return {(origin.label, said, target.label) for origin, target, said in flow.ways}


def test_a_saga_is_read_as_it_flows() -> None:
    read = flow()

    here = read.saga.partition(".")[0]
    loop = "for each in name"
    assert ways(read) == {
        (f"{here}.place", "", f"{here}.create"),
        (f"{here}.create", "", loop),
        (loop, "", "each == 'x'"),
        ("each == 'x'", "yes", loop),
        ("each == 'x'", "no", "stock.hold"),
        ("stock.hold", "", loop),
        (loop, "done", "payments.charge"),
        ("payments.charge", "", "name"),
        ("payments.charge", "Full", "completed"),
        ("name", "'a'", "sleep timedelta(days=1)"),
        ("name", "'b'", "undone: Full(name=name)"),
        ("name", "none of these", "all"),
        ("sleep timedelta(days=1)", "", "all"),
        ("all", "", f"{here}.confirm"),
        ("all", "each", "stock.plain"),
        (f"{here}.confirm", "", "stock.hold"),
        ("stock.plain", "", "stock.hold"),
        ("stock.hold", "", "completed"),
    }
    undone = {step.label: step.undo.name for step in read.steps if step.undo is not None}
    assert undone == {
        f"{here}.create": f"{here}.cancel",
        "stock.hold": "stock.release",
        "payments.charge": "payments.refund",
    }
    assert [step.label for step in read.steps if step.is_pivot] == ["stock.hold"]


def test_each_place_stands_where_it_is_in_the_file() -> None:
    read = flow()
    lines = Path(read.file).read_text(encoding="utf-8").splitlines()

    for step in read.steps:
        assert step.label.partition(".")[2] in lines[step.line - 1]


def test_the_drawing_names_each_place_once_and_every_way_leads_somewhere() -> None:
    drawn = draw_code(flow())

    lines = [line.strip() for line in drawn.splitlines()]
    named = re.findall(r"^([pu]\d+)[\[({]", "\n".join(lines), re.MULTILINE)
    assert lines[0] == "flowchart TD"
    assert len(named) == len(set(named))
    for line in lines:
        if way := re.fullmatch(r"(\w+) -.*-> (\w+)", line):
            assert set(way.groups()) <= set(named), line
    assert "p1 -. undo .-> u1" in lines
    assert any("the pivot" in line and line.endswith(":::pivot") for line in lines)
    assert not [line for line in lines if line.count('"') % 2]
