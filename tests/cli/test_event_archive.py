"""``outgrow event archive``, ``verify`` and ``restore``, as an operator meets them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from outgrow.process.control import ask
from tests.cli.test_event import SERVICE, Program

DAY = 86_400


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Program]:
    made = Program(tmp_path)
    try:
        made.start()
        yield made
    finally:
        for process in made.processes:
            process.kill()
            process.communicate()


def age(program: Program) -> None:
    """A year goes by, in which every consumer saves how far it is."""
    program.settle()
    ask(program.socket, "clock", advance_seconds=365 * DAY)
    program.settle()
    ask(program.socket, "clock", advance_seconds=2)
    program.settle()


def test_old_rows_are_archived_proven_deleted_and_put_back(program) -> None:
    program.place("a", "b", "c")
    age(program)
    program.place("new")

    status, told, error = program.event("archive", "orders", "--to", "old", "--older-than", "30d")
    file = program.folder / "old" / "orders-000001.jsonl"
    assert status == 0, error
    assert told == f"orders: 3 rows up to position 3 archived in {file}\n"
    assert len(file.read_text().splitlines()) == 4

    status, told, _ = program.event("verify", "old")
    assert (status, told) == (0, "orders: 1 file, 3 rows, positions 1 to 3, as they were written\n")

    age(program)
    asked = program.event("archive", "orders", "--to", "old", "--delete", typed="n\n")
    assert asked[0] == 1
    assert "A new handler will not hear of it" in asked[2]
    answer = program.json("archive", "orders", "--to", "old", "--delete", "--yes")
    assert answer["deleted"]["rows"] == 5  # three, the new one, and that the first file was made
    left = program.json("list", "orders")["rows"]
    assert [row["type"] for row in left] == ["outgrow.Archived"]

    status, told, _ = program.event("restore", "orders", "--from", "old", "--reason", "an audit")
    assert (status, told) == (0, "orders: 5 rows put back, of 5 in 2 files\n")
    rows = program.json("list", "orders")["rows"]
    assert [row["key"] for row in rows][:3] == ["a", "b", "c"]
    assert [row["kind"] for row in rows][3:] == ["event", "audit", "audit", "audit"]
    assert rows[-1]["body"]["reason"] == "an audit"
    program.place("a")
    program.settle()
    assert program.json("parked")["keys_count"] == 0


def test_an_archive_that_was_changed_is_said_with_its_line(program) -> None:
    program.place("a", "b")
    age(program)
    program.event("archive", "orders", "--to", "old")
    file = program.folder / "old" / "orders-000001.jsonl"
    file.write_text(file.read_text().replace("orders.Placed", "orders.Forged", 1))

    status, told, error = program.event("verify", "old")

    assert (status, told) == (1, "")
    assert f"{file.name}:2: its checksum does not fit" in error
    status, _, error = program.event("restore", "orders", "--from", "old")
    assert status == 1
    assert "Nothing was changed" in error
    assert error.startswith(str(file))
    assert "outgrow explain archive-broken" in error


def test_what_nobody_can_mean_is_refused(program) -> None:
    assert program.event("archive", "orders", "--to", "old", "--older-than", "soon")[0] == 2
    assert program.event("verify", "nowhere")[0] == 1
    (program.folder / "empty").mkdir()
    assert "holds no archive" in program.event("verify", "empty")[2]
    status, _, error = program.event("archive", "cellar", "--to", "old")
    assert status == 1
    assert "'cellar' is hosted by no process" in error
    status, told, _ = program.event("archive", "orders", "--to", "old")
    assert (status, told) == (0, "orders: nothing is older than 30d and not archived\n")


def test_nothing_is_deleted_that_somebody_has_not_read(program) -> None:
    program.place("a", "b")
    age(program)
    program.stop()
    program.start(
        SERVICE.replace("    @on(Placed)", "    @on(Placed, since='beginning')").replace(
            "async def tell", "async def tell_anew"
        )
    )
    age(program)
    program.stop()
    program.start(SERVICE.replace("    @on(Placed)\n    async def tell", "    async def tell"))
    program.place("c")
    age(program)

    answer = program.json("archive", "orders", "--to", "old", "--delete", "--yes")

    assert answer["files"][0]["rows"] == 3
    assert answer["deleted"]["rows"] == 2
    assert answer["deleted"]["held_up"] == ["orders.tell", "orders.tell_anew"]
    for dead in ("orders.tell", "orders.tell_anew"):
        program.json("consumers", "--remove", dead, "--yes")
    answer = program.json(
        "archive", "orders", "--to", "old", "--older-than", "1d", "--delete", "--yes"
    )
    assert answer["deleted"]["rows"] == 1
    header = json.loads((program.folder / "old" / "orders-000001.jsonl").read_text().split("\n")[0])
    assert header["header"]["application"] == "tried"
