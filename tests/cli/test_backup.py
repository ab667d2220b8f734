"""``outgrow store backup`` and ``restore`` as an operator meets them."""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.test_event import SERVICE, Program

HEARING = """
from outgrow import *
from orders import Placed
class Mail(Contract):
    @query("GET /mail")
    async def get_heard(self) -> list[str]: ...
@service
class MailService(Mail):
    store: Store
    async def get_heard(self) -> list[str]:
        async with self.store.read() as snapshot:
            return await snapshot.fetch_all(str, "select order_id from heard order by number")
    @on(Placed)
    async def hear(self, tx: Transaction, event: Placed) -> None:
        await tx.execute("insert into heard (order_id) values (:id)", id=event.order_id)
"""
HEARD = "create table heard (number integer primary key autoincrement, order_id text) strict;"


class Two(Program):
    """A program of two services, one of which listens to the other."""

    def start(self, source: str = SERVICE) -> None:
        (self.folder / "mail.py").write_text(HEARING)
        (self.folder / "mail_migrations").mkdir(exist_ok=True)
        (self.folder / "mail_migrations" / "0001_heard.sql").write_text(HEARD)
        super().start(source)

    def store(self, *arguments: str) -> tuple[int, str, str]:
        ended = subprocess.run(
            [sys.executable, "-m", "outgrow", "store", *arguments],
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return ended.returncode, ended.stdout, ended.stderr

    def rows(self, service: str, sql: str) -> list[Any]:
        with sqlite3.connect(self.folder / ".outgrow" / "store" / f"{service}.sqlite3") as raw:
            rows = raw.execute(sql).fetchall()
        raw.close()
        return rows


@pytest.fixture
def two(tmp_path: Path) -> Iterator[Two]:
    made = Two(tmp_path)
    made.services = ["orders", "mail"]
    yield made
    for process in made.processes:
        process.kill()
        process.communicate()


def test_a_backup_is_made_while_the_application_runs_and_after_it(two: Two) -> None:
    two.start()
    two.place("a", "b")
    status, told, error = two.store("backup", "orders", "--to", "kept/orders.backup")
    file = two.folder / "kept" / "orders.backup"
    size = file.stat().st_size
    assert (status, error) == (0, "")
    assert told == (
        f"orders: backed up to kept/orders.backup, {size:,} bytes, "
        "with its journal up to position 2\n"
    )
    note = json.loads(file.with_name("orders.backup.json").read_bytes())
    assert note["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
    assert (note["application"], note["service"], note["journal_position"], note["bytes"]) == (
        "tried",
        "orders",
        2,
        size,
    )
    two.place("c")
    two.stop()
    status, told, _ = two.store("backup", "orders", "--to", "second", "--json")
    assert status == 0
    assert json.loads(told)["journal_position"] == 3
    assert sorted(path.name for path in two.folder.glob("second*")) == ["second", "second.json"]


def test_what_was_backed_up_is_restored_and_what_others_heard_is_told(two: Two) -> None:
    two.start()
    two.place("a", "b")
    two.store("backup", "orders", "--to", "kept")
    two.place("c", "d")
    two.settle()
    status, _, error = two.store("restore", "orders", "--from", "kept")
    assert status == 1
    assert f"process {two.processes[-1].pid} has it open" in error
    two.stop()

    status, told, error = two.store("restore", "orders", "--from", "kept")

    assert status == 0
    assert told.startswith("orders: restored from kept, as it was at 20")
    assert "what was there is kept: " in told
    assert error == (
        "mail.hear has taken events of orders up to position 4; the backup ends at 2. What it did "
        "because of the later ones stays done.\nWhat this means: docs/explanation/backups.md\n"
    )
    [aside] = (two.folder / ".outgrow" / "store").glob("orders.sqlite3.before-*")
    assert str(aside.relative_to(two.folder)) in told
    assert len(two.rows("orders", "select 1 from outgrow_journal")) == 2
    two.start()
    two.place("e")
    two.settle()
    two.stop()
    heard = [order for (order,) in two.rows("mail", "select order_id from heard order by number")]
    assert heard == ["a", "b", "c", "d", "e"]


@pytest.fixture(scope="module")
def backed_up(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a program that was stopped, with a backup of its orders in ``kept``."""
    made = Two(tmp_path_factory.mktemp("backed_up"))
    made.services = ["orders", "mail"]
    try:
        made.start()
        made.place("a")
        made.stop()
    finally:
        for process in made.processes:
            process.kill()
            process.communicate()
    status, _, error = made.store("backup", "orders", "--to", "kept")
    assert (status, error) == (0, "")
    return made.folder


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("cut", "kept: it is not what was backed up: its SHA-256 is "),
        ("note missing", "kept.json: there is no such file. A backup is a file that"),
        ("note damaged", "kept.json: it is no note of a backup: "),
        ("newer", "kept.json: it has format 2; this outgrow knows 1."),
        ("missing", "kept: there is no such file. A backup is a file that"),
        ("of another", "kept: it is of service 'orders' of application 'tried', and 'mail' of "),
        (
            "pg_dump",
            "kept: it was made by pg_dump, and the store is kept by sqlite now. Restore it",
        ),
    ],
)
def test_what_cannot_be_restored_is_refused(
    two: Two, backed_up: Path, change: str, expected: str
) -> None:
    shutil.copytree(backed_up, two.folder, dirs_exist_ok=True)
    file, note = two.folder / "kept", two.folder / "kept.json"
    text = note.read_text()
    match change:
        case "cut":
            file.write_bytes(file.read_bytes()[:-4096])
        case "note missing":
            note.unlink()
        case "note damaged":
            note.write_text(text[:40])
        case "newer":
            note.write_text(text.replace('"format": 1', '"format": 2'))
        case "missing":
            file.unlink()
        case "pg_dump":
            note.write_text(text.replace('"sqlite"', '"pg_dump"'))
    before = (two.folder / ".outgrow" / "store" / "orders.sqlite3").read_bytes()

    service = "mail" if change == "of another" else "orders"
    status, told, error = two.store("restore", service, "--from", "kept")

    assert (status, told) == (1, "")
    assert error.startswith(expected)
    assert "\nMore: outgrow explain store-" in error
    assert (two.folder / ".outgrow" / "store" / "orders.sqlite3").read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("orders", "--to", "orders.py"), "orders.py: there is such a file already."),
        (("orders", "--to", "orders.py/new"), "orders.py/new: it cannot be written: "),
        (("mail", "--to", "new"), "mail.sqlite3: there is no such file."),
    ],
)
def test_a_backup_that_cannot_be_made_is_refused(
    two: Two, arguments: tuple[str, ...], expected: str
) -> None:
    two.start()
    two.stop()
    (two.folder / ".outgrow" / "store" / "mail.sqlite3").unlink()
    status, _, error = two.store("backup", "cellar", "--to", "new")
    assert status == 2
    assert "the application has no service 'cellar'.\n  It has: orders, mail." in error
    status, told, error = two.store("backup", *arguments)
    assert (status, told) == (1, "")
    assert expected in error
    assert not list(two.folder.glob("new*"))


@pytest.mark.long
def test_a_store_in_the_embedded_postgresql_is_backed_up_and_restored(two: Two) -> None:
    two.kept_by = "postgres"
    two.services = ["orders"]
    two.start()
    two.place("a", "b")
    status, told, error = two.store("backup", "orders", "--to", "kept")
    assert (status, error) == (0, "")
    assert "with its journal up to position 2" in told
    status, _, error = two.store("restore", "orders", "--from", "kept")
    assert status == 1
    assert "another process runs its PostgreSQL server" in error
    two.stop()

    status, told, error = two.store("restore", "orders", "--from", "kept", "--state", "again")

    assert (status, error) == (0, "")
    assert told.startswith("orders: restored from kept, as it was at 20")
    status, _, error = two.store("restore", "orders", "--from", "kept", "--state", "again")
    assert status == 1
    assert "a dump is restored into an empty database only" in error
