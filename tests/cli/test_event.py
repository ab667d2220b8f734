"""``outgrow event`` as an operator meets it: a process runs, and something in it is stuck."""

from __future__ import annotations

import http.client
import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from outgrow.process.control import ask

SERVICE = """
from pathlib import Path
from outgrow import *
class Placed(Event, key="order_id"):
    order_id: str
class Orders(Contract):
    @command("POST /orders")
    async def place(self, order_id: str) -> None: ...
@service
class OrdersService(Orders):
    store: Store
    @transactional
    async def place(self, tx: Transaction, order_id: str) -> None:
        await tx.record(Placed(order_id=order_id))
    @on(Placed)
    async def tell(self, tx: Transaction, event: Placed) -> None:
        if Path("broken").exists():
            raise RuntimeError(f"nobody can tell of {event.order_id}")
"""


class Program:
    """``outgrow run`` in a folder of its own, whose clock the tests move."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.socket = folder / ".outgrow" / "run" / "main.sock"
        self.processes: list[subprocess.Popen[str]] = []
        self.services = ["orders"]
        self.kept_by = "sqlite"

    def start(self, source: str = SERVICE) -> None:
        (self.folder / "orders.py").write_text(source)
        services = json.dumps(self.services)
        app = f'[app]\nname = "tried"\nservices = {services}\nstore = "{self.kept_by}"\n'
        text = f'{app}[gateway]\nhttp = "127.0.0.1:0"\n'
        (self.folder / "outgrow.toml").write_text(text)
        process = subprocess.Popen(
            [sys.executable, "-m", "outgrow", "run", "--test-mode"],
            cwd=self.folder,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.processes.append(process)
        assert process.stderr is not None
        for text in process.stderr:
            message = json.loads(text)["message"]
            if message.startswith("answering at"):
                self.address = message.split(",")[0].rpartition("/")[2]
            if message == "ready":
                break

    def place(self, *order_ids: str) -> None:
        connection = http.client.HTTPConnection(self.address, timeout=20)
        for order_id in order_ids:
            body = json.dumps({"order_id": order_id})
            connection.request("POST", "/orders", body, {"content-type": "application/json"})
            response = connection.getresponse()
            assert (response.status, response.read())[0] in (200, 204)
        connection.close()

    def settle(self) -> None:
        """Wait until nothing is left to do, moving time to each retry."""
        while (seconds := ask(self.socket, "settle")["wait_seconds"]) is not None:
            ask(self.socket, "clock", advance_seconds=seconds)

    def stop(self) -> None:
        self.processes[-1].send_signal(signal.SIGINT)
        self.processes[-1].communicate(timeout=20)

    def event(self, *arguments: str, typed: str = "") -> tuple[int, str, str]:
        ended = subprocess.run(
            [sys.executable, "-m", "outgrow", "event", *arguments],
            cwd=self.folder,
            input=typed,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        return ended.returncode, ended.stdout, ended.stderr

    def json(self, *arguments: str) -> Any:
        status, told, error = self.event(*arguments, "--json")
        assert status == 0, error
        return json.loads(told)


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Program]:
    made = Program(tmp_path)
    yield made
    for process in made.processes:
        process.kill()
        process.communicate()


def test_the_journal_is_listed(program) -> None:
    program.start()
    program.place("a", "b", "c")

    status, told, _ = program.event("list", "orders", "--limit", "2")
    rows = [line.split() for line in told.splitlines()]

    assert status == 0
    assert rows[0][:5] == ["position", "kind", "type", "schema", "key"]
    assert [row[1:5] for row in rows[1:]] == [
        ["event", "orders.Placed", "1", "b"],
        ["event", "orders.Placed", "1", "c"],
    ]
    after = str(program.json("list", "orders", "--limit", "2")["rows"][0]["position"])
    [row] = program.json("list", "orders", "--after", after, "--type", "orders.Placed")["rows"]
    assert row["body"] == {"order_id": "c"}
    program.place("k" * 200)
    assert f"  {'k' * 59}…  " in program.event("list", "orders")[1]
    assert program.json("list", "orders", "--limit", "1")["rows"][0]["key"] == "k" * 200


def test_a_service_that_nobody_hosts_is_said(program) -> None:
    program.start()

    status, _, error = program.event("list", "cellar")

    assert status == 1
    assert "'cellar' is hosted by no process that answers. Hosted are: orders." in error


def test_what_is_parked_is_listed_and_replayed(program) -> None:
    broken = program.folder / "broken"
    broken.touch()
    program.start()
    program.place("a", "b")
    program.settle()

    status, told, _ = program.event("parked")
    lines = told.splitlines()
    listed = program.json("parked")

    assert status == 0
    assert lines[1].split()[:6] == ["parked", "orders.tell", "orders", "a", "1", "8"]
    assert lines[1].endswith("RuntimeError: nobody can tell of a")
    assert [(key["key"], key["process"]) for key in listed["keys"]] == [
        ("a", "main"),
        ("b", "main"),
    ]
    broken.unlink()
    replayed = "orders.tell: 1 message will be tried again in process main\n"
    assert program.event("replay", "orders.tell", "a") == (0, replayed, "")
    program.settle()
    assert [key["key"] for key in program.json("parked")["keys"]] == ["b"]
    assert program.json("replay", "orders.tell", "--all")["messages"] == 1
    program.settle()
    assert program.json("parked")["keys_count"] == 0


def test_a_replay_needs_a_key_and_a_consumer_that_runs(program) -> None:
    program.start()

    assert program.event("replay", "orders.tell")[0] == 2
    assert program.event("replay", "orders.tell", "a", "--all")[0] == 2
    status, _, error = program.event("replay", "orders.tall", "a")

    assert status == 1
    assert "'orders.tall' is no consumer. There are: orders.tell." in error
    status, told, error = program.event("replay", "orders.tell", "a")
    assert (status, told) == (1, "")
    assert error.startswith("orders.tell, key 'a': nothing waits. What does is listed by")


def test_a_consumer_without_code_is_listed_and_removed(program) -> None:
    (program.folder / "broken").touch()
    program.start()
    program.place("a", "b")
    program.settle()
    status, _, error = program.event("consumers", "--remove", "orders.tell", "--yes")
    assert status == 1
    assert "'orders.tell' runs in process 'main'" in error

    program.stop()
    # Of another length: Python takes a file of the same second and size for the compiled one's.
    program.start(SERVICE.replace("def tell", "def overhear"))
    states = {one["consumer"]: one["state"] for one in program.json("consumers")["consumers"]}
    refused = program.event("consumers", "--remove", "orders.tell", typed="n\n")
    status, _, error = program.event("replay", "orders.tell", "a")
    removed = program.event("consumers", "--remove", "orders.tell", typed="y\n")

    assert states == {"orders.overhear": "running", "orders.tell": "dead"}
    assert refused[0] == 1
    assert "Remove it, and drop 2 waiting messages?" in refused[2]
    assert (status, "'orders.tell' is dead" in error) == (1, True)
    said = "orders.tell: removed from process main; 2 waiting messages dropped\n"
    assert (removed[0], removed[1].lstrip()) == (0, said)
    told = program.event("consumers")[1]
    assert [line.split()[:3] for line in told.splitlines()[1:]] == [
        ["orders.overhear", "orders", "running"]
    ]


def test_who_does_not_answer_is_named_and_the_others_are_listed(program) -> None:
    program.start()
    stale = socket.socket(socket.AF_UNIX)
    stale.bind(str(program.socket.with_name("back.sock")))
    stale.close()

    status, told, error = program.event("consumers")

    assert status == 1
    assert "orders.tell  orders" in told
    assert error.startswith("back: did not answer.")
    assert json.loads(program.event("parked", "--json")[1])["silent"].keys() == {"back"}


def test_where_nothing_runs_it_is_said(program) -> None:
    status, told, error = program.event("consumers")

    assert (status, told) == (1, "")
    assert "no process runs there" in error
    assert "--state DIR" in error
