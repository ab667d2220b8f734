"""Two processes can compare what they mean by a contract."""

from __future__ import annotations

import subprocess
import sys
import types
from pathlib import Path

import pytest

from outgrow.contracts import read_contract
from outgrow.contracts.descriptions import (
    MessageNumbers,
    Numbers,
    ScalarType,
    describe_service,
)

SOURCE = '''
from __future__ import annotations
import enum
from datetime import datetime, timezone
from typing import Annotated
from annotated_types import Ge, Le
from msgspec import field
from outgrow.contracts import *

class Size(enum.Enum):
    SMALL = "small"
    LARGE = "large"

class Part(Record):
    """A part."""
    name: str
    size: Size = Size.SMALL
    made_at: datetime = datetime(2020, 2, 2, tzinfo=timezone.utc)
    parts: list[Part] = field(default_factory=list)
    serial: str = field(default_factory=lambda: str(id(object())))

class Broken(Problem, status="not_found"):
    """Part {name} is broken."""
    name: str

class Worn(Problem, status="aborted"):
    """Worn."""

class Shop(Contract):
    """A shop."""
    @query("GET /parts/{name}", allow="parts:read", deadline="2s")
    async def find(self, name: str, limit: Annotated[int, Ge(1), Le(9)] = 5) -> Part | None:
        """Find a part."""
    @command(raises=[Broken, Worn])
    async def make(self, parts: dict[str, Part], big: int = 2**62, exact: float = 0.1) -> None: ...

class Made(Event, key=None):
    name: str
'''
KNOWN = "4f7c0438078a746e76664b2c9254497b"


def model(source: str, name: str = "shop_of_test"):
    module = types.ModuleType(f"{name}.contract")
    sys.modules[module.__name__] = module
    try:
        exec(compile(source, f"{name}.py", "exec", dont_inherit=True), vars(module))
        return read_contract(module.Shop)
    finally:
        del sys.modules[module.__name__]


def describe(source: str, numbers: Numbers | None = None):
    known = {"shop_of_test.v1": numbers} if numbers else {}
    described = describe_service("application", "shop_of_test", [model(source)], known)
    return next(iter(described.contracts.values()))


def fingerprint(source: str, numbers: Numbers | None = None) -> str:
    return describe(source, numbers).fingerprint


def test_a_fingerprint_is_the_same_in_every_process_and_on_every_python() -> None:
    assert fingerprint(SOURCE) == fingerprint(SOURCE) == KNOWN


@pytest.mark.parametrize("seed", ["1", "2"])
def test_a_fingerprint_is_the_same_in_another_process(seed) -> None:
    program = "from tests.contracts.test_fingerprints import *; print(fingerprint(SOURCE))"
    root = Path(__file__).parents[2]
    environment = {"PYTHONHASHSEED": seed, "PYTHONPATH": str(root / "src")}
    found = subprocess.run(
        [sys.executable, "-c", program],
        cwd=root,
        env=environment,
        capture_output=True,
        check=True,
        text=True,
        timeout=30,
    )

    assert found.stdout.strip() == KNOWN


CHANGES = {
    "a field's name": ("    name: str\n    size", "    title: str\n    size"),
    "a field's type": ("    name: str\n    size", "    name: bytes\n    size"),
    "a field more": ("    serial:", "    weight: float = 1.0\n    serial:"),
    "the order of fields": (
        "    name: str\n    size: Size = Size.SMALL\n",
        "    size: Size\n    name: str\n",
    ),
    "the default of a field": ("Size = Size.SMALL", "Size = Size.LARGE"),
    "no default": ("Le(9)] = 5", "Le(9)]"),
    "another default": ("exact: float = 0.1", "exact: float = 0.2"),
    "a large default": ("2**62", "2**61"),
    "None beside a value": ("exact: float = 0.1", "exact: float | None = 0.1"),
    "a choice": ('LARGE = "large"', 'LARGE = "huge"'),
    "a choice more": ('LARGE = "large"', 'LARGE = "large"; HUGE = "huge"'),
    "a limit": ("Le(9)", "Le(10)"),
    "a limit less": (", Le(9)", ""),
    "a reply": ("-> Part | None", "-> Part"),
    "a parameter's name": ("limit: Ann", "count: Ann"),
    "what kind a method is": ("@command(raises", "@query(raises"),
    "what is promised about repeats": ("@command(", '@command(repeat="unsafe", '),
    "a problem's status": ('status="not_found"', 'status="aborted"'),
    "a problem's field": ("    name: str\n\nclass Worn", "    name: str\n    n: int\n\nclass Worn"),
    "a problem less": ("[Broken, Worn]", "[Broken]"),
    "a method's name": ("def find", "def look"),
    "a contract's version": ("(Contract)", "(Contract, version=2)"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_changes_the_meaning_of_a_call_changes_the_fingerprint(change) -> None:
    before, after = CHANGES[change]
    changed = SOURCE.replace(before, after)
    assert changed != SOURCE

    assert fingerprint(changed) != KNOWN


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("A part.", "Another text."),
        ("Part {name} is broken.", "Broken: {name}."),
        ("Find a part.", "Look for it."),
        ("\nclass Size", "\n\n\nclass Size"),
        ('"GET /parts/{name}", allow="parts:read", deadline="2s"', ""),
        ("Ge(1), Le(9)", "Le(9), Ge(1)"),
        ("[Broken, Worn]", "[Worn, Broken]"),
        ("class Made(Event, key=None):\n    name: str", "class Made(Event, key=None):\n    n: int"),
        ("str(id(object()))", '"another"'),
    ],
)
def test_what_may_differ_without_harm_does_not(before, after) -> None:
    assert before in SOURCE

    assert fingerprint(SOURCE.replace(before, after)) == KNOWN


def test_the_order_of_methods_does_not_matter() -> None:
    head, find, make = SOURCE.split("    @")
    make, event = make.split("\n\nclass Made")
    changed = f"{head}    @{make}\n    @{find}\n\nclass Made{event}"
    assert changed.index("def make") < changed.index("def find")

    assert fingerprint(changed) == KNOWN


def test_other_numbers_of_fields_change_the_meaning_of_a_call() -> None:
    numbers = Numbers({"Part": MessageNumbers(taken={"size": 1, "name": 2})})

    assert fingerprint(SOURCE, numbers) != KNOWN


def test_with_known_numbers_the_order_of_fields_does_not_matter() -> None:
    taken = {field.name: field.number for field in describe(SOURCE).records["Part"].fields}
    numbers = Numbers({"Part": MessageNumbers(taken=taken)})
    lines = "    size: Size = Size.SMALL\n", "    parts: list[Part] = field(default_factory=list)\n"
    changed = SOURCE.replace(lines[1], "").replace(lines[0], lines[1] + lines[0])
    assert changed != SOURCE

    assert fingerprint(changed, numbers) == KNOWN


STREAMS = """
from collections.abc import AsyncIterator
from outgrow.contracts import *

class Shop(Contract):
    @query()
    {}
"""


def test_what_is_a_stream_changes_the_meaning_of_a_call() -> None:
    found = {
        fingerprint(STREAMS.format(method))
        for method in (
            "async def sum(self, of: int) -> int: ...",
            "async def sum(self, of: list[int]) -> int: ...",
            "async def sum(self, of: int | None = None) -> int: ...",
            "async def sum(self, of: AsyncIterator[int]) -> int: ...",
            "async def sum(self, of: AsyncIterator[list[int]]) -> int: ...",
            "def sum(self, of: int) -> AsyncIterator[int]: ...",
            "def sum(self, of: AsyncIterator[int]) -> AsyncIterator[int]: ...",
        )
    }

    assert len(found) == 7


def test_a_stream_is_described_by_its_items() -> None:
    method = describe(
        STREAMS.format(
            "def sum(self, at: str, of: AsyncIterator[int]) -> AsyncIterator[float]: ..."
        )
    ).methods["sum"]

    assert [(p.name, p.number, p.is_stream) for p in method.parameters] == [
        ("at", 1, False),
        ("of", 2, True),
    ]
    assert (method.stream, method.is_reply_stream) == (method.parameters[1], True)
    assert (method.parameters[1].type, method.reply) == (
        ScalarType(kind="int"),
        ScalarType(kind="float"),
    )
