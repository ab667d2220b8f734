"""What `outgrow check` knows of calls between services, and what it finds wrong with them."""

from __future__ import annotations

from pathlib import Path

import pytest

from outgrow.process.checking import CallGraph, Sources
from outgrow.process.loading import load_services
from outgrow.topology import read_topology
from tests.process import town
from tests.process.town import refused, shown

MILL = """
from collections.abc import AsyncIterator
from outgrow import command
class Grain(Contract):
    @query()
    async def get_flour(self) -> int: ...
    @command()
    async def grind(self, kilos: int = 1) -> None: ...
    @command()
    async def deliver(self) -> None: ...
    @query()
    def watch(self) -> AsyncIterator[int]: ...
    @command(repeat="unsafe")
    async def fill(self, kilos: AsyncIterator[int]) -> None: ...
"""
BAKER = """
from outgrow import Store, Transaction, service, transactional, using
from town.mill.contract import Grain
from town.bakery.contract import Bread
"""
BREAD = """
from outgrow import command
class Bread(Contract):
    @query()
    async def get_bread(self) -> int: ...
    @command()
    async def bake(self) -> None: ...
    @command()
    async def sell(self) -> None: ...
"""
GRINDING = "await self.grain.grind(1)"


def two(bakery: str = "", mill: str = "", top: str = "") -> dict[str, str]:
    """
    The mill keeps Grain, the bakery keeps Bread.

    Args:
        bakery: Members of the bakery's class, indented by 4; what is missing does nothing.
        mill: Members of the mill's class.
        top: What stands above the bakery's class.
    """
    return {
        "town/mill/contract.py": MILL,
        "town/mill/service.py": _service("Mill", "Grain", "bread: Bread", mill, MILL_METHODS),
        "town/bakery/contract.py": BREAD,
        "town/bakery/service.py": top
        + _service("Baker", "Bread", "grain: Grain", bakery, BAKERY_METHODS),
    }


MILL_METHODS = {
    "get_flour": "async def get_flour(self) -> int: return 1",
    "grind": "async def grind(self, kilos: int = 1) -> None: ...",
    "deliver": "async def deliver(self) -> None: ...",
    "watch": "async def watch(self): yield 1",
    "fill": "async def fill(self, kilos) -> None: ...",
}
BAKERY_METHODS = {
    "get_bread": "async def get_bread(self) -> int: return 1",
    "bake": "async def bake(self) -> None: ...",
    "sell": "async def sell(self) -> None: ...",
}


def _service(name: str, contract: str, field: str, members: str, methods: dict[str, str]) -> str:
    rest = "".join(f"    {text}\n" for n, text in methods.items() if f"def {n}(" not in members)
    return (
        f"{BAKER}\n@service\nclass {name}Does({contract}):\n    store: Store\n    {field}\n"
        f"{members}\n{rest}"
    )


def calls(added: dict[str, str]) -> list[str]:
    """The calls of the town: who calls what in which line, and through what."""
    town.forget()
    town.plant(Path.cwd(), added)
    plan = read_topology(Path("outgrow.toml"))
    graph = CallGraph(load_services(plan), Sources(plan.services))
    return [
        f"{call.caller_name} {'sends' if call.is_sent else 'calls'} {call.callee_name}"
        + "".join(f" through {name}" for name in call.through)
        for call in graph.calls
    ]


def line_of(file: str, text: str) -> str:
    lines = Path(file).read_text().splitlines()
    return f"{file}:{1 + next(n for n, line in enumerate(lines) if text in line)}"


CALLED = "bakery.bake calls mill.grind"
WATCHED = "bakery.bake calls mill.watch"
FILLED = "bakery.bake calls mill.fill"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("await self.grain.grind(1)", [CALLED]),
        ("await using(self.grain, deadline=2.0).grind(1)", [CALLED]),
        ("await (\n            using(self.grain)\n            .grind(1)\n        )", [CALLED]),
        ("grain = self.grain\n        await grain.grind(1)", [CALLED]),
        ("grain = using(self.grain, key='a')\n        await grain.grind(1)", [CALLED]),
        ("grind = self.grain.grind\n        await grind(1)", [CALLED]),
        ("one, other = self.grain, self.store\n        await one.grind(1)", [CALLED]),
        ("if (grain := self.grain) is not None:\n            await grain.grind()", [CALLED]),
        ("for one in [self.grain]:\n            await one.grind(1)", [CALLED]),
        ("by = {'a': self.grain}\n        await by['a'].grind(1)", [CALLED]),
        ("import asyncio\n        await asyncio.gather(self.grain.grind(1))", [CALLED]),
        ("import asyncio\n        await asyncio.gather(*map(self.grain.grind, [1]))", [CALLED]),
        ("await (self.grain if self else self.grain).grind(1)", [CALLED]),
        ("await getattr(self.grain, 'grind')(1)", [CALLED]),
        (
            "async def f():\n            await self.grain.grind(1)\n        await f()",
            [CALLED],
        ),
        ("[await self.grain.grind(n) for n in range(3)]", [CALLED]),
        ("kept = [self.grain.grind]\n        await kept[0](1)", [CALLED]),
        ("await self._help()", [f"{CALLED} through _help"]),
        ("await self._far()", [f"{CALLED} through _far through _help"]),
        ("await self._given(self.grain)", [f"{CALLED} through _given"]),
        ("await self._static(self.grain)", [f"{CALLED} through _static"]),
        ("await self._picked().grind(1)", [CALLED]),
        ("await self.prop.grind(1)", [CALLED]),
        ("await self.kept.grind(1)", [CALLED]),
        ("await ground(self.grain)", [f"{CALLED} through ground"]),
        ("await ground(by=3, grain=self.grain)", [f"{CALLED} through ground"]),
        ("await with_baker(self)", [f"{CALLED} through with_baker"]),
        ("await self.store.transact(self._unit)", ["bakery.bake sends mill.grind through _unit"]),
        ("await self.grain.get_flour()", ["bakery.bake calls mill.get_flour"]),
        ("async for kilos in self.grain.watch():\n            pass", [WATCHED]),
        ("return [kilos async for kilos in using(self.grain).watch()]", [WATCHED]),
        ("await self.grain.fill(self.grain.watch())", [FILLED, WATCHED]),
        ("await self.grain.fill(self._kilos())", [FILLED, f"{CALLED} through _kilos"]),
        ("await self.grain.nothing()", []),
        ("return self.grain", []),
        ("print(self.grain)", []),
        ("grain = self.grain.grind", []),
        ("'await self.grain.grind(1)'", []),
        ("await somebody.grind(1)", []),
    ],
)
def test_a_call_is_seen_however_it_is_written(check, body: str, expected: list[str]) -> None:
    members = f"    async def bake(self) -> None:\n        {body}\n{HELPING}"

    seen = calls(two(bakery=members, top=FUNCTIONS))

    assert list(dict.fromkeys(one for one in seen if one.startswith("bakery.bake "))) == expected


HELPING = """
    async def open(self) -> None:
        self.kept = self.grain
    async def _help(self) -> None:
        await self.grain.grind(1)
    async def _far(self) -> None:
        await self._help()
    async def _given(self, asked) -> None:
        await asked.grind(1)
    async def _kilos(self):
        await self.grain.grind(1)
        yield 1
    @staticmethod
    async def _static(asked) -> None:
        await asked.grind(1)
    def _picked(self) -> Grain:
        return self.grain
    @property
    def prop(self) -> Grain:
        return self.grain
    async def _unit(self, tx: Transaction) -> None:
        await tx.send(self.grain.grind, 1)
"""
FUNCTIONS = """
async def ground(grain, by=1) -> None:
    await grain.grind(by)
async def with_baker(baker) -> None:
    await baker.grain.grind(1)
"""


def test_methods_that_no_entry_reaches_are_told_by_themselves(check) -> None:
    seen = calls(two(bakery="    async def unused(self):\n        await self.grain.grind(1)\n"))

    assert seen == ["bakery.unused calls mill.grind"]


def test_methods_of_a_class_above_are_followed(check) -> None:
    top = (
        "\nclass Above:\n    async def _both(self):\n        await self.grain.grind(1)\n"
        "    async def _more(self):\n        await self.grain.get_flour()\n"
    )
    added = two(
        bakery="    async def bake(self) -> None:\n        await self._both()\n"
        "        await super()._more()\n",
        top=top,
    )
    added["town/bakery/service.py"] = added["town/bakery/service.py"].replace(
        "class BakerDoes(Bread)", "class BakerDoes(Above, Bread)"
    )

    assert calls(added) == [
        "bakery.bake calls mill.grind through _both",
        "bakery.bake calls mill.get_flour through _more",
    ]


def test_functions_that_call_themselves_come_to_an_end(check) -> None:
    members = (
        "    async def bake(self) -> None:\n        await self._a()\n"
        "    async def _a(self):\n        await self._b()\n"
        "    async def _b(self):\n        await self._a()\n        await self.grain.grind(1)\n"
    )

    assert calls(two(bakery=members)) == ["bakery.bake calls mill.grind through _a through _b"]


# Circles.

BAKES = "    async def bake(self) -> None:\n        await self.grain.grind(1)\n"


def test_methods_that_wait_for_each_other_are_found_with_their_places(check) -> None:
    grinds = "    async def grind(self, kilos: int = 1) -> None:\n        await self._ask()\n"
    asks = "    async def _ask(self):\n        await self.bread.bake()\n"
    added = two(bakery=BAKES, mill=grinds + asks)

    with pytest.raises(Exception, match="circle") as raised:
        check(added)

    [finding] = raised.value.findings
    here = line_of("town/bakery/service.py", "self.grain.grind(1)")
    there = line_of("town/mill/service.py", "self.bread.bake()")
    assert (finding.slug, finding.place) == ("call-circle", here)
    assert "circle: bakery.bake -> mill.grind -> bakery.bake." in finding.message
    assert f"bakery.bake calls mill.grind at {here}\n" in finding.remedy
    assert f"mill.grind calls bakery.bake at {there}, through _ask\n" in finding.remedy


def test_services_that_call_each_other_by_different_methods_are_a_warning(check) -> None:
    delivers = "    async def deliver(self) -> None:\n        await self.bread.sell()\n"

    [finding] = check(two(bakery=BAKES, mill=delivers)).findings

    assert (finding.slug, finding.severity) == ("service-circle", "warning")
    assert "services bakery and mill call each other, by different methods" in finding.message
    assert "mill.deliver calls bakery.sell at town/mill/service.py:" in finding.remedy


@pytest.mark.parametrize(
    "mill",
    [
        "",  # A field that is declared and never called.
        (
            "    async def grind(self, kilos: int = 1) -> None:\n"
            "        async def unit(tx): await tx.send(self.bread.bake)\n"
            "        await self.store.transact(unit)\n"
        ),
    ],
)
def test_what_waits_for_nothing_is_no_circle(check, mill: str) -> None:
    assert check(two(bakery=BAKES, mill=mill)).findings == []


# Queries.


@pytest.mark.parametrize(
    ("members", "said"),
    [
        (
            "    async def get_bread(self) -> int:\n        await self.grain.grind(1)\n",
            "query bakery.get_bread calls the command mill.grind.",
        ),
        (
            (
                "    async def get_bread(self) -> int:\n        return await self._help()\n"
                "    async def _help(self) -> int:\n        await self.grain.grind(1)\n"
            ),
            "query bakery.get_bread calls the command mill.grind, through _help.",
        ),
        (
            "    async def get_bread(self) -> int:\n        await self.bake()\n",
            "query bakery.get_bread calls the command bakery.bake.",
        ),
        (
            (
                "    async def get_bread(self) -> int:\n"
                "        async def unit(tx): await tx.send(self.grain.grind, 1)\n"
                "        await self.store.transact(unit)\n"
            ),
            "query bakery.get_bread sends the command mill.grind.",
        ),
    ],
)
def test_a_query_that_calls_a_command_is_found(check, members: str, said: str) -> None:
    [line] = refused(check, two(bakery=members))

    assert line.startswith("town/bakery/service.py:")
    assert f"command-from-query: {said}" in line


@pytest.mark.parametrize(
    "members",
    [
        "    async def get_bread(self) -> int:\n        return await self.grain.get_flour()\n",
        "    async def bake(self) -> None:\n        await self.grain.grind(1)\n",
        (
            "    async def get_bread(self) -> int:\n        return await self._help()\n"
            "    async def _help(self) -> int:\n        return 1\n"
        ),
        "    async def bake(self) -> None:\n        await self.get_bread()\n",
    ],
)
def test_queries_that_ask_and_commands_that_change_are_left_alone(check, members: str) -> None:
    assert shown(check(two(bakery=members)).findings) == []
