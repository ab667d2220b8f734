"""
What it costs to read a large application: 100 services of 10 methods each.

In a process of its own, because contracts are read once: they are imported first, then read, and
descriptors and converters of all methods are made. The baseline is the import of the same modules.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.measure import Rounds

SERVICES, METHODS, ROUNDS = 100, 10, 7
GOAL_SECONDS = 1.5

_HEAD = '''
"""What service {n} promises."""

from __future__ import annotations

import enum
from datetime import datetime
from typing import Annotated

from annotated_types import Ge, MaxLen

from outgrow import Contract, Problem, Record, command, query


class State(enum.Enum):
    """Where it stands."""

    OPEN = "open"
    DONE = "done"


class Line(Record):
    """One of many."""

    item_id: str
    quantity: Annotated[int, Ge(1)]
    price_cents: int


class Order(Record):
    """What was ordered."""

    order_id: str
    lines: list[Line]
    state: State
    placed_at: datetime
    note: Annotated[str, MaxLen(200)] | None = None


class Unknown(Problem, status="not_found"):
    """There is no {{order_id}}."""

    order_id: str


class Orders{n}(Contract):
    """Ten methods."""
'''
_METHOD = '''
    @{kind}("{verb} /s{n}/m{m}/{{order_id}}", raises=[Unknown])
    async def method_{m}(self, order_id: str, limit: Annotated[int, Ge(1)] = 10) -> {reply}:
        """Method {m}."""
        ...
'''
_PROGRAM = """
import importlib, json, resource, sys
from time import perf_counter
from outgrow.calls.protobuf import Converters, Messages
from outgrow.contracts import read_contract

def kibibytes():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

started = perf_counter()
names = [f"s{n}.contract" for n in range(%d)]
contracts = [getattr(importlib.import_module(name), f"Orders{name[1:-9]}") for name in names]
imported, before = perf_counter(), kibibytes()
models = [read_contract(contract) for contract in contracts]
read = perf_counter()
messages = Messages("large", models)
described = perf_counter()
converters = Converters(messages)
for model in models:
    for method in model.methods.values():
        converters.of(method)
ended = perf_counter()
print(json.dumps({
    "import": imported - started, "read": read - imported, "describe": described - read,
    "convert": ended - described, "kibibytes": kibibytes() - before,
}))
"""


def run() -> Iterator[dict[str, Any]]:
    """The figure: seconds to read all, build their descriptors and write their converters."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _write(folder)
        _measure(folder)  # compiles the modules
        found = [_measure(folder) for _ in range(ROUNDS)]
    rounds = Rounds(
        [one["read"] + one["describe"] + one["convert"] for one in found],
        [one["import"] for one in found],
    )
    parts = {
        f"{part}_seconds": round(median(one[part] for one in found), 3)
        for part in ("read", "describe", "convert")
    }
    mebibytes = round(median(one["kibibytes"] for one in found) / 1024, 1)
    yield rounds.figure(
        f"contracts.read.{SERVICES}_services",
        "s",
        goal_seconds=GOAL_SECONDS,
        of="importing the same modules",
        methods=SERVICES * METHODS,
        mebibytes=mebibytes,
        **parts,
    )


def _write(folder: Path) -> None:
    for n in range(SERVICES):
        (folder / f"s{n}").mkdir()
        (folder / f"s{n}" / "__init__.py").touch()
        text = _HEAD.format(n=n)
        for m in range(METHODS):
            kind, verb = ("query", "GET") if m % 2 else ("command", "POST")
            reply = ("Order", "list[Order]", "Order | None", "dict[str, Line]")[m % 4]
            text += _METHOD.format(n=n, m=m, kind=kind, verb=verb, reply=reply)
        (folder / f"s{n}" / "contract.py").write_text(text)


def _measure(folder: Path) -> dict[str, float]:
    program = _PROGRAM % SERVICES
    run = subprocess.run(
        [sys.executable, "-c", program], cwd=folder, capture_output=True, text=True, check=True
    )
    return json.loads(run.stdout)  # type: ignore[no-any-return]
