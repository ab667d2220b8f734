"""``outgrow contract show`` as its user meets it, in the shop and in a program of all kinds."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SHOP = Path(__file__).parents[2] / "examples" / "shop"
KINDS = """
from collections.abc import AsyncIterator
from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import Annotated, Literal
from uuid import UUID
from annotated_types import Ge, MaxLen
from outgrow import Contract, Event, Problem, Record, Store, command, on, query, service
class Colour(Enum):
    RED = "red"
    BLUE = "blue"
class Circle(Record, tag="circle"):
    radius: float
class Square(Record, tag="square"):
    side: float = 1.0
class Tree(Record):
    name: Annotated[str, MaxLen(5)]
    below: list["Tree"] = []
    colour: Colour = Colour.RED
class Grown(Event, key=None):
    by: Decimal
class Full(Problem, status="resource_exhausted"):
    \"\"\"Nothing fits.\"\"\"
class Kinds(Contract):
    \"\"\"All kinds | of things.\"\"\"
    @command(repeat="unsafe", raises=[Full], deadline="2s", allow="kinds:write")
    async def take(
        self,
        form: Circle | Square,
        trees: tuple[Tree, ...],
        ids: Annotated[set[UUID], MaxLen(3)],
        by: dict[str, Annotated[int, Ge(0)]],
        at: datetime | None = None,
        mode: Literal["a", "b"] = "a",
        two: tuple[int, str] = (1, "x"),
    ) -> None:
        \"\"\"Take it.\"\"\"
        ...
class KindsV2(Contract, version=2):
    @query("GET /v2/colours")
    async def get_colours(self) -> list[Colour]: ...
    @query()
    def watch(self, of: AsyncIterator[Annotated[int, Ge(1)]]) -> AsyncIterator[Colour]: ...
@service
class KindsService(Kinds):
    async def take(self, form, trees, ids, by, at=None, mode="a", two=(1, "x")): ...
@service
class KindsV2Service(KindsV2):
    kinds: Kinds
    async def get_colours(self) -> list[Colour]: return []
    async def watch(self, of): yield Colour.RED
    async def open(self) -> None:
        await self.kinds.take(None, (), set(), {})
"""


def show(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "outgrow", "contract", "show", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )


@pytest.fixture
def kinds(tmp_path: Path) -> Path:
    (tmp_path / "kinds.py").write_text(KINDS)
    (tmp_path / "outgrow.toml").write_text('[app]\nname = "tried"\nservices = ["kinds"]\n')
    return tmp_path


def test_a_service_of_the_shop_is_shown_with_all_that_others_rely_on() -> None:
    ended = show(SHOP, "notifications")

    assert (ended.returncode, ended.stderr) == (0, "")
    lines = ended.stdout.splitlines()
    assert lines[0].startswith("notifications: contract Notifications  shop/notifications/contract")
    at = lines.index("  write(user_id: str, kind: LetterKind, about: str, text: str) -> None")
    assert lines[at + 1 : at + 3] == [
        "    Write a letter.",
        "    command     one key has one effect, and every repeat gets the first reply",
    ]
    assert lines[at + 3].startswith(
        "    called by   payments.charge  sent at shop/payments/service.py:"
    )
    assert lines[at + 3].endswith(", through _write")
    assert "    LetterKind: welcome, confirmed, cancelled, receipt, refund, sent" in lines
    assert not any(line != line.rstrip() for line in lines)


def test_callers_and_handlers_are_told_with_their_places() -> None:
    text = show(SHOP, "users").stdout

    assert "    http        GET /users/{user_id}\n    permission  users:read\n" in text
    assert "    problems    users.UnknownUser (not_found)\n    called by   orders.place_o" in text
    assert "  event users.UserRegistered(user_id: str, name: str)\n" in text
    assert "    heard by    orders.copy_name       shop/orders/service.py:" in text
    assert "\n                notifications.welcome  shop/notifications/service.py:" in text


def test_without_a_name_all_are_shown_in_the_order_of_the_file() -> None:
    lines = show(SHOP).stdout.splitlines()

    heads = [line.partition(":")[0] for line in lines if ": contract " in line]
    assert heads == ["users", "orders", "stock", "payments", "shipping", "notifications"]


def test_every_kind_of_type_is_named_as_in_python(kinds: Path) -> None:
    text = show(kinds).stdout

    assert (
        "  take(form: Circle | Square, trees: tuple[Tree, ...], ids: set[UUID], "
        "by: dict[str, int], at: datetime | None = None, mode: Literal['a', 'b'] = 'a', "
        "two: tuple[int, str] = (1, 'x')) -> None\n    Take it.\n"
    ) in text
    assert "    command     nothing is promised about repeats\n" in text
    assert "    deadline    2 s\n    limits      ids: at most 3 long\n" in text
    assert "                by: each value at least 0\n" in text
    assert "    problems    kinds.Full (resource_exhausted)\n" in text
    assert "    called by   kinds.open  kinds.py:" in text
    assert "kinds: contract KindsV2, version 2  kinds.py:" in text
    assert (
        "  watch(of: AsyncIterator[int]) -> AsyncIterator[Colour]\n"
        "    query       changes nothing, and may be repeated at will"
    ) in text
    assert "    limits      of: each at least 1\n" in text
    assert "    Tree(name: str (at most 5 long), below: list[Tree] = [], colour: Colour" in text
    assert "    Colour: red, blue\n" in text
    assert "  event kinds.Grown(by: Decimal)\n    ordered by  nothing\n" in text


def test_json_tells_the_same_as_one_value(kinds: Path) -> None:
    [told] = json.loads(show(kinds, "--json").stdout)
    [take] = told["contracts"][0]["methods"]
    named: dict[str, Any] = {parameter["name"]: parameter for parameter in take["parameters"]}

    assert (take["kind"], take["repeat"], take["allow"]) == ("command", "unsafe", "kinds:write")
    assert (take["deadline_seconds"], take["problems"]) == (
        2.0,
        {"kinds.Full": "resource_exhausted"},
    )
    assert named["ids"] == {
        "name": "ids",
        "type": "set[UUID]",
        "limits": ["at most 3 long"],
        "default": None,
    }
    assert [use["by"] for use in take["called_by"]] == ["kinds.open"]
    assert [contract["version"] for contract in told["contracts"]] == [1, 2]
    assert told["events"][0]["type"] == "kinds.Grown"
    assert told["choices"] == {"Colour": ["red", "blue"]}


def test_markdown_is_a_page_with_headings_and_a_table(kinds: Path) -> None:
    ended = show(kinds, "kinds", "--markdown")
    lines = ended.stdout.splitlines()

    assert [line for line in lines if line.startswith("#")] == [
        "# kinds",
        "## Kinds",
        "### take",
        "## KindsV2, version 2",
        "### get_colours",
        "### watch",
        "## Events",
        "### kinds.Grown",
        "## Types",
    ]
    assert "- problems: `kinds.Full` (resource_exhausted)" in lines
    assert "- heard by: no service" in lines
    rows = [line for line in lines if line.startswith("| ")]
    assert all(line.replace("\\|", "").count("|") == 3 for line in rows)
    assert "| `Colour` | `red`, `blue` |" in rows


def test_an_unknown_service_is_answered_with_those_that_are_known() -> None:
    ended = show(SHOP, "order")

    assert ended.returncode == 2
    assert "the application has no service 'order'.\n  Did you mean orders? Services: users, " in (
        ended.stderr
    )
    assert ended.stderr.endswith("More: outgrow explain unknown-service\n")
