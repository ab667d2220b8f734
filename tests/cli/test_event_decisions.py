"""``outgrow event show``, ``drop``, ``timers`` and ``history``, as an operator meets them."""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from pathlib import Path

import pytest

from outgrow.process.control import ask
from tests.cli.test_event import Program

SERVICE = """
from datetime import timedelta
from pathlib import Path
from outgrow import *
from reminders import Reminders
class Placed(Event, key="order_id"):
    order_id: str
class Reminded(Event, key="order_id"):
    order_id: str
class Orders(Contract):
    @command("POST /orders")
    async def place(self, order_id: str) -> None: ...
@service
class OrdersService(Orders):
    store: Store
    reminders: Reminders
    @transactional
    async def place(self, tx: Transaction, order_id: str) -> None:
        await tx.record(Placed(order_id=order_id))
        hour = timedelta(hours=1)
        await tx.later(hour, name=f"remind-{new_id()}").record(Reminded(order_id=order_id))
        await tx.later(2 * hour).send(self.reminders.remind, order_id)
    @on(Placed)
    async def tell(self, tx: Transaction, event: Placed) -> None:
        if Path("broken").exists():
            raise RuntimeError(f"nobody can tell of {event.order_id}")
"""
OTHER = """
from outgrow import *
class Reminders(Contract):
    @command()
    async def remind(self, order_id: str) -> None: ...
@service
class RemindersService(Reminders):
    store: Store
    @transactional
    async def remind(self, tx: Transaction, order_id: str) -> None:
        await tx.fetch_all(int, "select 1")
"""


class Reminding(Program):
    """Orders, and a service that reminds of them."""

    def start(self, source: str = SERVICE) -> None:
        self.services = ["orders", "reminders"]
        (self.folder / "reminders.py").write_text(OTHER)
        super().start(source)


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Program]:
    made = Reminding(tmp_path)
    try:
        made.start()
        yield made
    finally:
        for process in made.processes:
            process.kill()
            process.communicate()


def break_it(program: Program, *order_ids: str) -> None:
    broken = program.folder / "broken"
    broken.touch()
    program.place(*order_ids)
    program.settle()
    broken.unlink()


def test_a_row_is_shown_with_what_became_of_it(program) -> None:
    break_it(program, "a", "a")
    first, second = program.json("list", "orders")["rows"]

    status, told, _ = program.event("show", "orders", str(first["position"]))
    shown = program.json("show", "orders", second["id"])

    lines = dict(line.split(None, 1) for line in told.splitlines() if line and line[0] != "-")
    assert status == 0
    assert lines["type"] == "orders.Placed"
    assert lines["caller"] == "anonymous"
    assert lines["body"] == '{"order_id":"a"}'
    assert lines["orders.tell"].split()[:2] == ["parked", "8"]
    assert "nobody can tell of a" in lines["orders.tell"]
    assert (shown["id"], shown["body"]) == (second["id"], {"order_id": "a"})
    assert [(one["consumer"], one["state"]) for one in shown["consumers"]] == [
        ("orders.tell", "queued")
    ]


def test_a_row_that_is_not_there_is_said(program) -> None:
    status, _, error = program.event("show", "orders", "77")

    assert status == 1
    assert error.startswith("the journal of 'orders' has no row with the position 77")


def test_a_poisoned_message_is_dropped_after_a_question_and_the_key_flows_on(program) -> None:
    break_it(program, "a", "a")
    where = ("orders.tell", "a", "--reason", "a test order")

    status, told, asked = program.event("drop", *where, typed="n\n")
    assert (status, told.strip()) == (1, "")
    assert "orders.tell will never handle, under key 'a':" in asked
    assert "parked after 8 attempts" in asked
    assert "1 message under the same key will flow on." in asked
    assert program.json("parked")["keys_count"] == 1

    status, told, _ = program.event("drop", *where, typed="y\n")
    program.settle()
    assert (status, told.strip()) == (0, "orders.tell: 1 message dropped in process main")
    assert program.json("parked")["keys_count"] == 0


def test_who_dropped_what_and_why_is_kept(program) -> None:
    break_it(program, "a", "a")

    dropped = program.json("drop", "orders.tell", "a", "--all", "--reason", "a test", "--yes")
    rows = program.json("history", "a")["rows"]

    assert dropped["messages"] == 2
    last = rows[-1]
    assert (last["kind"], last["type"]) == ("audit", "outgrow.Dropped")
    assert last["who"] == f"system operator {getpass.getuser()}"
    assert (last["body"]["reason"], last["body"]["messages"]) == ("a test", 2)
    assert program.json("show", "orders", rows[0]["id"])["consumers"][0]["state"] == "dropped"


def test_a_drop_that_cannot_be_is_said(program) -> None:
    program.place("b")
    program.settle()
    where = ("--reason", "why not", "--yes")

    assert program.event("drop", "orders.tell", "a")[0] == 2
    nothing = program.event("drop", "orders.tell", "b", *where)
    both = program.event("drop", "orders.tell", "b", "--all", "--position", "1", *where)
    nobody = program.event("drop", "orders.hear", "b", *where)
    break_it(program, "c")
    elsewhere = program.event("drop", "orders.tell", "c", "--position", "99", *where)

    assert nothing[0] == nobody[0] == elsewhere[0] == 1
    assert "orders.tell, key 'b': nothing waits." in nothing[2]
    assert both[0] == 2
    assert "'orders.hear' is no consumer" in nobody[2]
    assert "nothing waits with position 99. There are: " in elsewhere[2]


def test_a_replay_is_kept_with_who_asked(program) -> None:
    break_it(program, "a")

    program.json("replay", "orders.tell", "a", "--reason", "the printer has paper")
    program.settle()
    audit = [row for row in program.json("history", "a")["rows"] if row["kind"] == "audit"]

    assert [row["type"] for row in audit] == ["outgrow.Replayed"]
    assert audit[0]["body"]["reason"] == "the printer has paper"


def test_timers_are_listed_and_fire(program) -> None:
    program.place("a", "b")

    status, told, _ = program.event("timers", "--limit", "3")
    lines = [line.split() for line in told.splitlines()]
    assert status == 0
    assert lines[0] == ["due_at", "service", "kind", "type", "key", "destination", "name", "id"]
    assert [line[1:5] for line in lines[1:4]] == [
        ["orders", "event", "orders.Reminded", "a"],
        ["orders", "event", "orders.Reminded", "b"],
        ["orders", "command", "reminders.remind", "-"],
    ]
    assert lines[4] == ["and", "1", "more"]

    ask(program.socket, "clock", advance_seconds=3600)
    program.settle()
    left = program.json("timers", "orders")
    assert [timer["kind"] for timer in left["timers"]] == ["command", "command"]
    assert left["services"][0]["timers"] == 2
    assert left["services"][0]["fired"] == 2
    statistics = ask(program.socket, "statistics")
    assert statistics["timers"][0]["timers"] == 2
    assert statistics["inboxes"]["orders"]["replies"] == 2


def test_a_history_follows_a_request_through_timers_and_services(program) -> None:
    program.place("a")
    ask(program.socket, "clock", advance_seconds=7200)
    program.settle()

    rows = program.json("history", "a")["rows"]
    one = program.json("history", "--correlation", rows[0]["correlation_id"])["rows"]
    only = program.json("history", "--correlation", one[0]["correlation_id"], "--service", "orders")
    status, told, _ = program.event("history", "a")

    assert [row["type"] for row in rows] == ["orders.Placed", "orders.Reminded"]
    assert [row["type"] for row in one] == ["orders.Placed", "orders.Reminded", "reminders.remind"]
    assert only["rows"] == one
    assert status == 0
    assert told.splitlines()[0].split()[:4] == ["recorded_at", "who", "kind", "type"]
    assert program.event("history")[0] == 2
