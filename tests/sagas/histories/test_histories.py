"""Histories of every version so far are replayed by this one, from wherever they may have stood."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from outgrow.clock import ManualClock
from outgrow.sagas import SCHEMA, book
from outgrow.sagas.book import SagaRow, StepRow
from outgrow.store import Transaction
from tests.sagas.histories.record import RECORDED, record
from tests.sagas.timing.bookings import Unpaid
from tests.sagas.timing.village import Village, error_of

HISTORIES = {
    file.stem: json.loads(file.read_text()) for file in Path(__file__).parent.glob("*.json")
}
LENGTH_MAX = max(len(each["steps"]) for each in HISTORIES.values())


@pytest.fixture
async def village(tmp_path: Path) -> AsyncIterator[Village]:
    async with Village(tmp_path, ManualClock(), {}).running() as running:
        yield running


def cut(history: dict[str, Any], length: int, **changes: Any) -> tuple[SagaRow, list[StepRow]]:
    """A saga as it stood when it had done *length* steps, and its process died."""
    open_ = {"state": "running", "is_undoing": 0, "outcome": None, "cause": None, "ended_at": None}
    row = SagaRow(**history["saga"] | open_ | {"due_at": history["saga"]["started_at"]} | changes)
    steps = [StepRow(**step) for step in history["steps"][:length]]
    for step in steps:
        step.state = "reply" if step.state == "undone" else step.state
    return row, steps


async def put(village: Village, row: SagaRow, steps: list[StepRow]) -> None:
    async def write(tx: Transaction) -> None:
        assert await book.begin(tx, row)
        await book.save_steps(tx, steps)

    await village.stores["bookings"].transact(write)


async def standing(village: Village, history: dict[str, Any]) -> dict[str, Any]:
    names = ("state", "error", "outcome")
    ((*values,),) = await village.rows(
        f"select {', '.join(names)} from outgrow_saga where id = ?", history["saga"]["id"]
    )
    return dict(zip(names, values, strict=True))


def test_there_are_histories_of_each_version() -> None:
    for version in range(1, SCHEMA.version + 1):
        assert {name for name in HISTORIES if name.startswith(f"{version}-")} >= {
            f"{version}-{name}" for name in RECORDED
        }, "python -m tests.sagas.histories.record writes those of a new version"


@pytest.mark.parametrize("length", range(1, LENGTH_MAX + 1))
async def test_they_go_on_from_each_step(village: Village, length: int) -> None:
    histories = {n: each for n, each in HISTORIES.items() if len(each["steps"]) >= length}
    paying = {name: each for name, each in histories.items() if "charge" in name}
    for some in ({n: each for n, each in histories.items() if n not in paying}, paying):
        for name, history in some.items():
            await put(village, *cut(history, length, key=name))
        village.sagas.keepings["bookings"].wake()
        await village.settle()
        await village.pass_time(60.0)
        await village.till.pay("a", 7)  # For those who have yet to hear of it.
        await village.settle()

    for name, history in histories.items():
        found = await standing(village, history)
        assert found["error"] is None, name
        assert found["state"] == history["saga"]["state"], name
        assert timeless(found["outcome"]) == timeless(history["saga"]["outcome"]), name


def timeless(outcome: str) -> str:
    """Without the minute at which it went on; it goes on at another one here."""
    return re.sub(r"T00:0\d:00", "T00:00:00", outcome)


async def test_what_was_all_done_does_nothing_again(village: Village) -> None:
    undone = {name for name, each in HISTORIES.items() if each["saga"]["state"] == "undone"}
    for number, name in enumerate(sorted(HISTORIES.keys() - undone)):
        history = HISTORIES[name]
        await put(village, *cut(history, len(history["steps"]), key=str(number)))
    village.sagas.keepings["bookings"].wake()
    await village.settle()
    assert village.bookings.said == []
    assert await village.rows("select * from payments", service="tills") == []
    assert await village.rows("select distinct state from outgrow_saga") == [("completed",)]


async def test_undoing_goes_on(village: Village) -> None:
    undone = [each for each in HISTORIES.values() if each["saga"]["state"] == "undone"]
    assert undone
    for number, history in enumerate(undone):
        changes = {"is_undoing": 1, "cause": history["saga"]["outcome"], "key": str(number)}
        await put(village, *cut(history, len(history["steps"]), **changes))
    village.sagas.keepings["bookings"].wake()
    await village.settle()
    for history in undone:
        found = await standing(village, history)
        assert (found["state"], found["error"]) == ("undone", None)
        assert found["outcome"] == history["saga"]["outcome"]
    assert village.bookings.said == ["a erased"] * len(undone)


async def test_replies_of_before_are_given(village: Village) -> None:
    for name, history in HISTORIES.items():
        row = SagaRow(**history["saga"] | {"key": name})
        await put(village, row, [StepRow(**step) for step in history["steps"]])
        if row.method == "bookings.thank":
            continue
        arguments = json.loads(row.arguments)
        call = village.answer(row.method.partition(".")[2], *_given(arguments), key=name)
        if row.state == "completed":
            assert json.dumps(await call) == json.loads(row.outcome or "")["text"]
        else:
            assert isinstance(await error_of(call), Unpaid)


def _given(arguments: dict[str, Any]) -> list[Any]:
    order = ("name", "seconds", "cents")
    return [arguments[name] for name in order if name in arguments]


@pytest.mark.parametrize("name", RECORDED)
async def test_this_version_writes_what_it_reads(name: str) -> None:
    """A history that is recorded now asks for the same, step by step, as the committed one."""
    committed = HISTORIES[f"{SCHEMA.version}-{name}"]
    recorded = await record(name)
    assert [(s["kind"], s["name"], s["state"], s["undo"]) for s in recorded["steps"]] == [
        (s["kind"], s["name"], s["state"], s["undo"]) for s in committed["steps"]
    ]
    assert recorded["saga"].keys() == committed["saga"].keys()
    assert recorded["saga"]["state"] == committed["saga"]["state"]
