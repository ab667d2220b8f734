"""``outgrow store move`` as an operator meets it: the application is stopped, or it runs."""

from __future__ import annotations

import http.client
import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import pytest

from outgrow.errors import ControlError
from outgrow.process.control import ask
from outgrow.process.moving import note_statements, statements_path
from outgrow.testing.hosts import wait_for

SERVICE = """
from outgrow import *
class Placed(Event, key="customer"):
    customer: str
    number: int
class Orders(Contract):
    @command("POST /orders")
    async def place(self, customer: str) -> int: ...
    @query("GET /orders")
    async def list(self, customer: str) -> list[int]: ...
@service
class OrdersService(Orders):
    store: Store
    @transactional
    async def place(self, tx: Transaction, customer: str) -> int:
        before = await tx.fetch_one(
            int, "select count(*) from placed where customer = :customer", customer=customer
        )
        await tx.execute(
            "insert into placed (customer, number) values (:customer, :number)",
            customer=customer, number=before + 1,
        )
        await tx.record(Placed(customer=customer, number=before + 1))
        return before + 1
    async def list(self, customer: str) -> list[int]:
        async with self.store.read() as snapshot:
            return await snapshot.fetch_all(
                int, "select number from heard where customer = :customer order by id",
                customer=customer,
            )
    @on(Placed)
    async def hear(self, tx: Transaction, event: Placed) -> None:
        await tx.execute(
            "insert into heard (customer, number) values (:customer, :number)",
            customer=event.customer, number=event.number,
        )
"""
TABLES = """
create table placed (customer text not null, number integer not null,
    primary key (customer, number)) strict;
create table heard (id integer primary key, customer text not null, number integer not null)
    strict;
"""
CUSTOMERS = ("ada", "bob", "cy")


class Program:
    """``outgrow run`` in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.socket = folder / ".outgrow" / "run" / "main.sock"
        self.processes: list[subprocess.Popen[bytes]] = []
        (folder / "orders.py").write_text(SERVICE)
        (folder / "orders_migrations").mkdir()
        (folder / "orders_migrations" / "0001_tables.sql").write_text(TABLES)
        self.configure("")

    def configure(self, store: str) -> None:
        text = f'[app]\nname = "moved"\nservices = ["orders"]\n{store}\n'
        (self.folder / "outgrow.toml").write_text(f'{text}[gateway]\nhttp = "127.0.0.1:0"\n')

    def start(self) -> None:
        self.launch()
        wait_for(self.is_ready, "the application")

    def launch(self) -> None:
        command = [sys.executable, "-m", "outgrow", "run", "--open"]
        log = (self.folder / "log").open("ab")
        process = subprocess.Popen(command, cwd=self.folder, stdout=log, stderr=log)
        self.processes.append(process)
        log.close()

    def is_ready(self) -> bool:
        assert self.processes[-1].poll() is None, (self.folder / "log").read_text()
        try:
            return ask(self.socket, "health", seconds=1)["is_ready"]
        except ControlError:
            return False

    def stop(self, number: int = signal.SIGTERM) -> None:
        self.processes[-1].send_signal(number)
        self.processes[-1].wait(20)

    def status(self) -> tuple[dict[str, object], str]:
        done = subprocess.run(
            [sys.executable, "-m", "outgrow", "store", "status", "--json"],
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=50,
            check=True,
        )
        (standing,) = json.loads(done.stdout)
        return standing, done.stderr

    def outgrow(self, *words: str, dies_at: str = "nowhere") -> tuple[int, str, str]:
        program = f"from outgrow import cli, crash; crash.arm({dies_at!r}); cli.main()"
        done = subprocess.run(
            [sys.executable, "-c", program, "store", "move", "orders", *words],
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=50,
            check=False,
        )
        return done.returncode, done.stdout, done.stderr

    def ask_http(self, method: str, path: str, body: object = None) -> object:
        host, _, port = ask(self.socket, "placement")["http"].rpartition("/")[2].rpartition(":")
        connection = http.client.HTTPConnection(host, int(port), timeout=30)
        data = None if body is None else json.dumps(body)
        connection.request(method, path, data, {"content-type": "application/json"})
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        assert answer.status == 200, text
        return json.loads(text)

    def place(self, customer: str) -> int:
        return self.ask_http("POST", "/orders", {"customer": customer})

    def heard(self, customer: str) -> list[int]:
        return self.ask_http("GET", f"/orders?customer={customer}")


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Program]:
    program = Program(tmp_path)
    yield program
    for process in program.processes:
        process.kill()
        process.wait()


def test_the_application_is_stopped_moved_and_started_there(program, postgres_url):
    program.start()
    for _ in range(3):
        program.place("ada")
    program.stop()

    status, told, errors = program.outgrow("--to", postgres_url)

    assert status == 0, errors
    assert "outgrow_journal" in told
    assert "units of work waited for" in told
    assert "outgrow store move orders --confirm" in told
    program.launch()
    assert program.processes[-1].wait(20) == 1
    assert "OUTGROW_STORE_ORDERS=" in (program.folder / "log").read_text()
    status, _, errors = program.outgrow("--confirm")
    assert status == 1
    assert "begin with an empty one" in errors.replace("\n", " ")
    assert (program.folder / ".outgrow/store/orders.sqlite3").exists()

    program.configure(f'store = "{postgres_url}"')
    program.start()
    assert program.place("ada") == 4
    wait_for(lambda: program.heard("ada") == [1, 2, 3, 4], "all four events")
    status, told, errors = program.outgrow("--confirm")
    assert status == 0, errors
    assert not (program.folder / ".outgrow/store/orders.sqlite3").exists()
    program.stop()

    status, _, errors = program.outgrow("--to", "sqlite", "--json")
    assert status == 0, errors
    program.configure("")
    program.start()
    assert program.place("ada") == 5
    wait_for(lambda: program.heard("ada") == [1, 2, 3, 4, 5], "all five events")


class Load:
    """Customers who place one order after the other, from threads."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self._is_stopping = threading.Event()
        self.placed = dict.fromkeys(CUSTOMERS, 0)
        self._threads = [threading.Thread(target=self._run, args=(one,)) for one in CUSTOMERS]
        self.failures: list[BaseException] = []

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_stopping.set()
        for thread in self._threads:
            thread.join()

    def _run(self, customer: str) -> None:
        try:
            while not self._is_stopping.is_set():
                number = self._program.place(customer)
                assert number == self.placed[customer] + 1
                self.placed[customer] = number
        except BaseException as error:  # noqa: BLE001 - the test looks at them
            self.failures.append(error)

    def wait_more(self, count: int) -> None:
        before = dict(self.placed)
        wait_for(
            lambda: (
                bool(self.failures) or all(self.placed[c] >= before[c] + count for c in CUSTOMERS)
            ),
            "the load to go on",
        )


def test_it_is_moved_while_it_runs_and_no_request_fails(program, postgres_url):
    program.start()
    with Load(program) as load:
        load.wait_more(20)
        status, told, errors = program.outgrow("--to", postgres_url)
        load.wait_more(20)

    assert not load.failures
    assert status == 0, errors
    assert "process main goes on there" in told
    standing, said = program.status()
    assert standing["server"].startswith("PostgreSQL")
    assert standing["place"].startswith("postgresql://")
    assert standing["journal_end"] >= sum(load.placed.values())
    assert "still say 'sqlite'" in said
    for customer, count in load.placed.items():
        expected = list(range(1, count + 1))
        wait_for(lambda c=customer, e=expected: program.heard(c) == e, "all events")
    program.stop()
    program.configure(f'store = {{ orders = "{postgres_url}", "*" = "sqlite" }}')
    program.start()
    for customer, count in load.placed.items():
        assert program.heard(customer) == list(range(1, count + 1))


def test_it_comes_back_from_the_embedded_server_before_the_move_is_confirmed(program):
    program.start()
    program.place("ada")
    program.stop()
    status, told, errors = program.outgrow("--to", "postgres")
    assert status == 0, errors
    assert '    [app]\n    store = { orders = "postgres", "*" = "sqlite" }\n' in told
    program.configure('store = "postgres"')
    program.start()
    assert program.place("ada") == 2

    status, told, errors = program.outgrow("--to", "sqlite")

    assert status == 0, errors
    assert '    [app]\n    store = { orders = "sqlite", "*" = "postgres" }\n' in told
    assert program.place("ada") == 3
    assert program.status()[0]["place"].endswith("/.outgrow/store/orders.sqlite3")
    program.stop()
    program.configure("")
    program.start()
    wait_for(lambda: program.heard("ada") == [1, 2, 3], "all three events")
    assert program.outgrow("--confirm")[0] == 0


@pytest.mark.parametrize(
    "point",
    [
        pytest.param("move.batch_copied", marks=pytest.mark.long),
        pytest.param("move.held", marks=pytest.mark.long),
        "move.source_left",
    ],
)
def test_if_the_command_is_killed_the_application_goes_on_and_it_is_asked_for_again(
    program, postgres_url, point
):
    program.start()
    with Load(program) as load:
        load.wait_more(20)
        killed, _, _ = program.outgrow("--to", postgres_url, dies_at=point)
        if point != "move.source_left":
            load.wait_more(20)
        status, _, errors = program.outgrow("--to", postgres_url)
        load.wait_more(20)

    assert killed == -signal.SIGKILL
    assert not load.failures
    assert status == 0, errors
    for customer, count in load.placed.items():
        expected = list(range(1, count + 1))
        wait_for(lambda c=customer, e=expected: program.heard(c) == e, "all events")


def test_a_check_tries_migrations_and_statements_and_leaves_nothing(program, postgres_url):
    program.start()
    program.stop()
    path = statements_path(program.folder / ".outgrow", "orders")
    good = ["select number from heard where customer = :customer", "delete from placed"]
    bad = ["insert or replace into placed values (:a, :b)", "select datetime('now')"]
    note_statements(path, good)

    status, told, errors = program.outgrow("--to", postgres_url, "--check")
    assert status == 0, errors
    assert "2 statements that tests ran" in told
    note_statements(path, bad)
    status, told, errors = program.outgrow("--to", postgres_url, "--check")
    assert status == 1
    for statement in bad:
        assert statement in errors
    assert not any(statement in errors for statement in good)

    status, _, errors = program.outgrow("--to", postgres_url)
    assert status == 0, errors


def test_what_is_asked_wrongly_is_told(program, postgres_url):
    assert program.outgrow("--confirm")[0] == 1
    assert program.outgrow()[0] == 2
    status, _, errors = program.outgrow("--to", "mysql://me:secret@x/y")
    assert status == 1
    assert 'mysql://me@x/y: store is \'mysql://me@x/y\'. Write "sqlite", "postgres"' in errors
    assert program.outgrow("--to", postgres_url, "--abandon")[0] == 2
    status, _, errors = program.outgrow("--to", "sqlite")
    assert status == 1
    assert "lives there already" in errors
    status, _, errors = program.outgrow("--to", postgres_url)
    assert status == 1
    assert "there is no store to move" in errors
