"""What ``outgrow check`` finds in the code of sagas, and of what should be one."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from outgrow.errors import Finding
from outgrow.process.checking import check_program
from tests.modules import forget_modules

OTHERS = """
from outgrow import *
class Full(Problem):
    name: str
class {name}(Contract):
    @command(raises=[Full])
    async def hold(self, name: str) -> int: ...
    @command()
    async def release(self, name: str) -> None: ...
    @command(raises=[Full])
    async def refund(self, name: str) -> None: ...
    @command(repeat="unsafe")
    async def mail(self, name: str) -> None: ...
    @query()
    async def count(self) -> int: ...
@service
class {name}Service({name}):
    store: Store
    @transactional
    async def hold(self, tx: Transaction, name: str) -> int: return 1
    @transactional
    async def release(self, tx: Transaction, name: str) -> None: ...
    @transactional
    async def refund(self, tx: Transaction, name: str) -> None: ...
    async def mail(self, name: str) -> None: ...
    async def count(self) -> int: return 1
"""
ORDERS = """
import asyncio
from datetime import timedelta
from outgrow import *
from bank import Bank
from stock import Stock
class Sold(Problem):
    name: str
class Orders(Contract):
    pass
@service
class OrdersService(Orders):
    bank: Bank
    stock: Stock
    store: Store
    @transactional
    async def note(self, tx: Transaction, name: str) -> None: ...
    @transactional
    async def forget(self, tx: Transaction, name: str) -> None: ...
    async def plain(self, name: str) -> None: ...
"""
SAGA = "@saga\nasync def place(self, run: Saga, name: str) -> str:\n"
PLAIN = "async def place(self, name: str) -> str:\n"


HOLD = "await run.step(self.stock.hold, name).undo(self.stock.release, name)"
NEEDS = "{} is not the last step of orders.place, and has neither an undo nor is the pivot."
HELPED = (
    "async def help(self, run: Saga, name: str) -> None:\n"
    "    await run.step(self.stock.hold, name)\n" + SAGA
)
WRONG = [
    (
        "await run.step(self.stock.hold, name)\nawait run.step(self.note, name)",
        "saga-step-without-undo",
        NEEDS.format("stock.hold"),
    ),
    (
        "for each in name:\n    await run.step(self.note, each)",
        "saga-step-without-undo",
        NEEDS.format("orders.note"),
    ),
    (
        "await run.all(*[run.step(self.stock.hold, each) for each in name])",
        "saga-step-without-undo",
        NEEDS.format("stock.hold"),
    ),
    (
        "if name:\n    await run.step(self.note, name)\nawait run.step(self.stock.hold, name)",
        "saga-step-without-undo",
        NEEDS.format("orders.note"),
    ),
    (
        "await run.step(self.bank.hold, name).undo(self.bank.refund, name)",
        "saga-undo-problem",
        "bank.refund undoes bank.hold and can raise Full.",
    ),
    ("await run.step(self.stock.mail, name)", "saga-step-refused", 'repeat="unsafe"'),
    ("await run.step(self.stock.count)", "saga-step-refused", "a query changes nothing"),
    ("await run.step(self.plain, name)", "saga-step-refused", "it is not @transactional"),
    (
        "await run.step(self.stock.hold, name).undo(self.bank.release, name)",
        "saga-step-refused",
        "bank.release cannot undo stock.hold, which another service does.",
    ),
    (
        f"await asyncio.gather({HOLD.removeprefix('await ')})",
        "saga-step-refused",
        "awaited by gather",
    ),
    ("run.step(self.note, name)", "saga-step-not-awaited", "is made and never awaited"),
    (
        f"step = {HOLD.removeprefix('await ')}",
        "saga-step-not-awaited",
        "is made and never awaited",
    ),
]
RIGHT = [
    (
        "step = run.step(self.stock.hold, name)\nawait step.undo(self.stock.release, name)\n"
        "await run.step(self.note, name)"
    ),
    (
        "step = run.step(self.stock.hold, name)\nawait step.pivot()\n"
        "await run.step(self.note, name)\nawait run.step(self.note, name)"
    ),
    f"{HOLD}\nawait run.step(self.note, name)",
    (
        f"{HOLD}\nawait run.step(self.bank.hold, name).pivot()\nawait run.step(self.note, name)\n"
        "await run.step(self.stock.hold, name)"
    ),
    (
        "await run.step(self.note, name).pivot()\n"
        "await run.all(run.step(self.stock.hold, name), run.step(self.bank.hold, name))"
    ),
    (
        "if name:\n    await run.step(self.note, name)\nelse:\n"
        "    await run.step(self.stock.hold, name)"
    ),
    (
        "if name:\n    await run.step(self.note, name)\n    return name\n"
        "await run.step(self.stock.hold, name)"
    ),
    (
        "steps = [run.step(self.note, each).undo(self.forget, each) for each in name]\n"
        "await run.all(*steps)\nawait run.sleep(timedelta(days=1))"
    ),
    (
        f"count = await self.stock.count()\n{HOLD}\nif count:\n    raise Sold(name=name)\n"
        "await run.step(self.note, name)"
    ),
]
RIGHT_PLAINLY = [
    "await self.stock.hold(name)\nawait self.stock.release(name)",
    "await self.stock.hold(name)\nawait self.bank.count()",
    "await self.stock.count()\nawait self.note(name)\nawait self.bank.hold(name)",
    "if name:\n    await self.stock.hold(name)\nelse:\n    await self.bank.hold(name)",
    (
        "match name:\n    case 'a':\n        await self.stock.hold(name)\n"
        "    case _:\n        await self.bank.hold(name)"
    ),
]
Methods = dict[str, tuple[str, str]]


def found(folder: Path, methods: Methods) -> dict[str, list[Finding]]:
    """What is found in each method of orders, by its name, whose head and body are given."""
    text, lines = ORDERS, {}
    for name, (head, body) in methods.items():
        first = text.count("\n") + 1
        inner = textwrap.indent(textwrap.dedent(body).strip() + '\nreturn ""\n', "    ")
        text += textwrap.indent(head.replace("place(", f"{name}(") + inner, "    ")
        lines[name] = range(first, text.count("\n") + 1)
    declared = "".join(
        f"    @command(raises=[Sold])\n    async def {name}(self, name: str) -> str: ...\n"
        for name in methods
    )
    before = text.index("@service")
    text = text[:before] + declared + text[before:]
    (folder / "bank.py").write_text(OTHERS.format(name="Bank"))
    (folder / "stock.py").write_text(OTHERS.format(name="Stock"))
    (folder / "orders.py").write_text(text)
    (folder / "outgrow.toml").write_text(
        '[app]\nname = "tried"\nservices = ["bank", "stock", "orders"]\n'
    )
    findings = check_program(folder / "outgrow.toml").findings
    shift = declared.count("\n")
    return {
        name: [one for one in findings if int(one.place.rpartition(":")[2]) - shift in at]
        for name, at in lines.items()
    } | {"": findings}


@pytest.fixture(scope="module")
def checked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, list[Finding]]]:
    """What is found in all the methods below, which are one program."""
    folder, path = tmp_path_factory.mktemp("checked"), list(sys.path)
    methods: Methods = {}
    methods |= {f"wrong_{n}": (SAGA, body) for n, (body, _, _) in enumerate(WRONG)}
    methods |= {f"right_{n}": (SAGA, body) for n, body in enumerate(RIGHT)}
    methods |= {f"plain_{n}": (PLAIN, body) for n, body in enumerate(RIGHT_PLAINLY)}
    methods["through"] = (HELPED, "await self.help(run, name)\nawait run.step(self.note, name)")
    methods["both"] = (PLAIN, "await self.stock.hold(name)\nawait self.bank.hold(name)")
    try:
        yield found(folder, methods)
    finally:
        sys.path[:] = path
        forget_modules(folder)


@pytest.mark.parametrize("number", range(len(WRONG)), ids=[slug for _, slug, _ in WRONG])
def test_a_mistake_in_a_saga_is_found(checked: dict[str, list[Finding]], number: int) -> None:
    (finding,) = checked[f"wrong_{number}"]
    _, slug, said = WRONG[number]

    assert finding.slug == slug
    assert said.replace("orders.place", f"orders.wrong_{number}") in finding.message
    assert finding.place.rpartition(":")[0].endswith("orders.py")
    assert finding.severity == ("warning" if slug.endswith(("undo", "problem")) else "error")


def test_what_is_right_is_left_alone(checked: dict[str, list[Finding]]) -> None:
    names = [name for name in checked if name.startswith(("right", "plain"))]

    assert len(names) == len(RIGHT) + len(RIGHT_PLAINLY)
    assert {name: checked[name] for name in names} == {name: [] for name in names}


def test_nothing_else_is_found(checked: dict[str, list[Finding]]) -> None:
    assert len(checked[""]) == len(WRONG) + 2


def test_what_a_saga_hands_its_run_to_is_read_too(checked: dict[str, list[Finding]]) -> None:
    (finding,) = checked["through"]

    assert finding.message == NEEDS.format("stock.hold").replace("orders.place", "orders.through")


def test_commands_to_two_services_in_a_plain_method_are_found(
    checked: dict[str, list[Finding]],
) -> None:
    (finding,) = checked["both"]

    assert (finding.slug, finding.severity) == ("distributed-transaction", "warning")
    assert finding.message == (
        "orders.both calls commands of two services, stock.hold and bank.hold: this is a "
        "distributed transaction."
    )
