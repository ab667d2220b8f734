"""
Every type written, and read as every other type: what is said to fit does, and nothing else.

A reader that refuses a value, or takes it for another, does not fit.
"""

from __future__ import annotations

import sys
import types
from typing import Any

import pytest

from outgrow.calls.protobuf import Converters, Messages
from outgrow.contracts import LimitBroken, Method, encoder, read_contract, strict_decoder
from outgrow.contracts.comparing.fitting import Fit
from outgrow.contracts.descriptions import describe_service
from outgrow.errors import CallError
from tests.contracts.changes.revisions import HEAD
from tests.contracts.changes.running import agree, meaning

TYPES = """
class Size(enum.Enum):
    S = "s"
    M = "m"
class More(enum.Enum):
    S = "s"
    M = "m"
    L = "l"
class Level(enum.IntEnum):
    LOW = 10
    HIGH = 20
class Line(Record):
    sku: str
class Needy(Record):
    sku: str
    count: int
class Spare(Record):
    sku: str
    count: int = 1
class Number(Record):
    sku: int
class Tree(Record):
    sku: str
    count: list[Tree] = []
class Wood(Record):
    sku: str
    count: list[Wood] = []
class Stones(Record):
    sku: str
    count: list[Stones] = []
    weight: float
class Card(Record, tag="card"):
    number: str
class Cash(Record, tag="cash"):
    cents: int
class Gift(Record, tag="gift"):
    code: str
"""
SAMPLES: dict[str, str] = {
    "bool": "[True, False]",
    "int": "[0, 1, -7, 2**53 + 1]",
    "float": "[0.0, 1.5, 1e300]",
    "str": "['', 'a', '1', 's']",
    "bytes": "[b'', b'a', b'\\xff\\xfe\\xfd']",
    "datetime": "[datetime.fromisoformat('2024-05-17T01:02:03.000004Z')]",
    "date": "[date(2024, 5, 17)]",
    "timedelta": "[timedelta(seconds=-1.5), timedelta(days=3)]",
    "Decimal": "[Decimal('1.50'), Decimal('-3')]",
    "UUID": "[UUID(int=7)]",
    "Size": "list(Size)",
    "More": "list(More)",
    "Level": "list(Level)",
    "Literal['s', 'm']": "['s', 'm']",
    "Literal['s', 'm', 'l']": "['s', 'm', 'l']",
    "Literal[1, 2]": "[1, 2]",
    "Annotated[int, Ge(1)]": "[1, 2**53 + 1]",
    "Annotated[int, Lt(1)]": "[0, -(2**53) - 1]",
    "Annotated[int, Gt(5), Le(9)]": "[6, 9]",
    "Annotated[str, MinLen(1)]": "['a', '1', 's']",
    "int | None": "[None, 3]",
    "str | None": "[None, '', 'a']",
    "list[int]": "[[], [1, 1, 2]]",
    "list[str]": "[[], ['a', 'a']]",
    "set[int]": "[set(), {1, 2}]",
    "frozenset[int]": "[frozenset(), frozenset({1, 2})]",
    "tuple[int, ...]": "[(), (1, 1)]",
    "tuple[int, int]": "[(1, 2), (0, 0)]",
    "tuple[int, str]": "[(1, 'a')]",
    "list[int] | None": "[None, [], [1]]",
    "list[int | None]": "[[], [None, 1]]",
    "list[list[int]]": "[[], [[], [1]]]",
    "dict[str, int]": "[{}, {'a': 1}]",
    "dict[str, int] | None": "[None, {}, {'a': 1}]",
    "dict[int, int]": "[{}, {1: 2}]",
    "dict[Size, int]": "[{}, {key: 1 for key in Size}]",
    "dict[More, int]": "[{}, {key: 1 for key in More}]",
    "dict[Literal['s', 'm'], int]": "[{}, {'s': 1}, {'m': 2}]",
    "dict[UUID, int]": "[{}, {UUID(int=7): 1}]",
    "dict[date, int]": "[{}, {date(2024, 5, 17): 1}]",
    "dict[str, list[int]]": "[{}, {'a': [1]}]",
    "Line": "[Line(sku='a')]",
    "Needy": "[Needy(sku='a', count=2)]",
    "Spare": "[Spare(sku='a', count=2)]",
    "Number": "[Number(sku=3)]",
    "list[Line]": "[[Line(sku='a')]]",
    "Line | None": "[None, Line(sku='a')]",
    "Tree": "[Tree(sku='a', count=[Tree(sku='b')])]",
    "Wood": "[Wood(sku='a', count=[Wood(sku='b')])]",
    "Stones": "[Stones(sku='a', count=[Stones(sku='b', weight=1.0)], weight=2.0)]",
    "Card | Cash": "[Card(number='1'), Cash(cents=2)]",
    "Card | Cash | Gift": "[Card(number='1'), Cash(cents=2), Gift(code='a')]",
    "(Card | Cash) | None": "[None, Cash(cents=2)]",
}

CAREFULLY = ("datetime", "date", "timedelta", "Decimal", "UUID")
"""Written as text; what limits the text keeps is not worked out, and held to be broken."""


class Everything:
    """A contract with a method for each type."""

    def __init__(self) -> None:
        lines = ["class All(Contract):"]
        for n, hint in enumerate(SAMPLES):
            lines += ["    @query()", f"    async def m{n}(self) -> {hint}: ..."]
        module = types.ModuleType("everything.contract")
        sys.modules[module.__name__] = module
        exec("\n".join([HEAD, TYPES, *lines]), vars(module))
        self.model = read_contract(module.All)
        (self.description,) = describe_service("a", "b", [self.model], {}).contracts.values()
        self.converters = Converters(Messages("app", [self.model]))
        self.samples: list[list[Any]] = [
            eval(source, dict(vars(module))) for source in SAMPLES.values()
        ]

    def method(self, n: int) -> Method:
        return self.model.methods[f"m{n}"]

    def is_said_to_fit(self, writer: int, reader: int, medium: Any) -> bool:
        fit = Fit(self.description, self.description, medium, is_deep=True)
        replies = [self.description.methods[f"m{n}"].reply for n in (writer, reader)]
        return not fit.reasons(*replies)

    def fits(self, writer: int, reader: int, medium: str) -> bool:
        """Whether all that is written is read and means the same."""
        methods = self.method(writer), self.method(reader)
        if medium == "wire":
            encode = self.converters.of(methods[0]).encode_reply
            decode = self.converters.of(methods[1]).decode_reply
        else:
            encode = encoder(methods[0].reply_hint)
            decode = strict_decoder(methods[1].reply_hint)
        for value in self.samples[writer]:
            try:
                read = decode(encode(value))
            except (CallError, ValueError, LimitBroken):
                return False
            if not agree(meaning(value), meaning(read)):
                return False
        return True


@pytest.fixture(scope="module")
def everything() -> Everything:
    return Everything()


@pytest.mark.parametrize("medium", ["wire", "json"])
@pytest.mark.parametrize("hint", SAMPLES)
def test_what_is_said_to_fit_does_and_nothing_else(hint, medium, everything) -> None:
    writer = list(SAMPLES).index(hint)
    careful = {(one, "Annotated[str, MinLen(1)]") for one in CAREFULLY}
    wrong = [
        f"{hint} as {other}: {'fits' if is_fit else 'does not'}"
        for reader, other in enumerate(SAMPLES)
        if (is_fit := everything.fits(writer, reader, medium))
        != everything.is_said_to_fit(writer, reader, medium)
        if not (is_fit and (hint, other) in careful)
    ]

    assert not wrong
