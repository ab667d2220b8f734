"""``outgrow contract freeze`` and ``check`` as their user meets them."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.process.freezing.conftest import NOTED, ORDERS, UNPRICED
from tests.process.freezing.test_revision import git
from tests.process.supervision.conftest import Start, _compiled_once, folder, start  # noqa: F401
from tests.process.supervision.program import COUNTS

Done = subprocess.CompletedProcess[str]


def outgrow(folder: Path, *words: str) -> Done:  # noqa: F811 - a fixture in tests only
    return subprocess.run(
        [sys.executable, "-m", "outgrow", "contract", *words],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A folder in which the orders are frozen."""
    (tmp_path / "outgrow.toml").write_text('[app]\nname = "tried"\nservices = ["orders"]\n')
    (tmp_path / "orders.py").write_text(ORDERS)
    assert outgrow(tmp_path, "freeze").returncode == 0
    return tmp_path


def told(done: Done) -> Any:
    return json.loads(done.stdout)


def test_freezing_says_what_was_written_and_what_was_not(shop: Path) -> None:
    (shop / "contracts" / "openapi.json").unlink()
    (shop / "contracts" / "stock.proto").write_text("package tried.stock.v1;\n")
    (shop / "contracts" / "stock.json").write_text(
        '{"application": "tried", "service": "stock", "contracts": {}}'
    )

    done = outgrow(shop, "freeze")

    assert done.stdout.splitlines() == [
        "written    contracts/openapi.json",
        "unchanged  contracts/orders.proto",
        "unchanged  contracts/orders.json",
        "unchanged  contracts/asyncapi.json",
        "left       contracts/stock.json: no service of the application has it",
        "left       contracts/stock.proto: no service of the application has it",
    ]
    assert told(outgrow(shop, "freeze", "--json"))["left"] == ["stock.json", "stock.proto"]


def test_code_that_is_as_it_was_frozen_breaks_nobody(shop: Path) -> None:
    done = outgrow(shop, "check")

    assert done.returncode == 0
    assert done.stdout.splitlines() == [
        "Compared with what is frozen.",
        "",
        "Does a running consumer break?                no",
        "Does a running provider break new consumers?  no",
        "Does what is stored become unreadable?        no",
        "",
        "Nothing changed for those who rely on it.",
    ]


def test_a_break_is_told_with_whom_it_breaks_and_the_safe_way(shop: Path) -> None:
    (shop / "orders.py").write_text(UNPRICED)

    done = outgrow(shop, "check")

    assert done.returncode == 1
    answers, change = done.stdout.split("\nBreaks:\n\n")
    assert answers.splitlines()[2] == "Does a running consumer break?                yes: 1 change"
    first, *rest = change.splitlines()
    assert first.startswith("  orders.py:4: Order.cents is gone")
    assert [line.strip().partition(":")[0] for line in rest if "breaks" in line] == [
        "breaks running consumers"
    ]
    assert [line.strip().partition(":")[0] for line in rest[-2:]] == [
        "the safe way",
        "the safe order",
    ]
    assert told(outgrow(shop, "check", "--json"))["questions"]["consumers"] == {
        "breaks": True,
        "changes": 1,
    }


def test_what_breaks_is_frozen_only_by_name(shop: Path) -> None:
    (shop / "orders.py").write_text(UNPRICED)
    before = (shop / "contracts" / "orders.proto").read_bytes()

    refused = outgrow(shop, "freeze")
    assert refused.returncode == 1
    assert "Order.cents is gone" in refused.stdout
    assert "Nothing was written" in refused.stdout.splitlines()[-1]
    assert (shop / "contracts" / "orders.proto").read_bytes() == before

    assert outgrow(shop, "freeze", "--allow-breaking").returncode == 0
    assert outgrow(shop, "check").returncode == 0


def test_what_is_compatible_is_told_and_breaks_nobody(shop: Path) -> None:
    (shop / "orders.py").write_text(NOTED)

    done = outgrow(shop, "check")

    assert done.returncode == 0
    assert "\nCompatible:\n" in done.stdout
    assert "Order.note is new" in done.stdout


def test_a_service_that_is_not_frozen_yet_is_named(shop: Path) -> None:
    (shop / "stock.py").write_text(ORDERS.replace("Orders", "Stock").replace("/orders", "/stock"))
    text = '[app]\nname = "tried"\nservices = ["orders", "stock"]\n'
    (shop / "outgrow.toml").write_text(text)

    done = outgrow(shop, "check")

    assert done.returncode == 0
    assert done.stdout.splitlines()[-2:] == [
        "Not compared: stock, not part of what is frozen.",
        "Freeze it: outgrow contract freeze",
    ]


def test_where_nothing_is_frozen_no_question_is_answered(shop: Path) -> None:
    shutil.rmtree(shop / "contracts")

    done = outgrow(shop, "check")

    assert done.stdout.splitlines() == [
        "Compared with what is frozen.",
        "",
        "Not compared: orders, not part of what is frozen.",
        "Freeze it: outgrow contract freeze",
    ]


def test_the_code_is_compared_with_a_git_revision(shop: Path) -> None:
    git(shop, "init", "-q")
    git(shop, "add", "-A")
    git(shop, "commit", "-qm", "first")
    git(shop, "tag", "v1.2.0")
    (shop / "orders.py").write_text(UNPRICED)
    outgrow(shop, "freeze", "--allow-breaking")

    assert outgrow(shop, "check").returncode == 0
    done = outgrow(shop, "check", "--against", "v1.2.0")
    assert done.returncode == 1
    assert done.stdout.startswith("Compared with revision v1.2.0.\n")
    assert "Order.cents is gone" in done.stdout

    done = outgrow(shop, "check", "--against", "v9")
    assert (done.returncode, done.stdout) == (1, "")
    assert "More: outgrow explain revision-unreadable" in done.stderr


def test_the_code_is_compared_with_what_runs(
    start: Start,  # noqa: F811
    folder: Path,  # noqa: F811
) -> None:
    start().wait_ready()
    run = folder / ".outgrow" / "run"
    words = [("running",), (f"unix:{run}/supervisor.sock",), (f"unix:{run}/back.sock",)]

    same = [outgrow(folder, "check", "--against", *word) for word in words]
    (folder / "counts.py").write_text(COUNTS.replace("name: str) -> int", "name: str) -> str"))
    other = [outgrow(folder, "check", "--against", *word) for word in words]

    assert [done.returncode for done in same] == [0, 0, 0], same
    assert "Not compared: notes, not part of what runs behind" in same[2].stdout
    assert [done.returncode for done in other] == [1, 1, 1]
    assert all("counts.py" in done.stdout for done in other)
    gone = outgrow(folder, "check", "--against", f"unix:{run}/nobody.sock")
    assert gone.returncode == 1
    assert "no process answers there" in gone.stderr


@pytest.mark.parametrize("command", ["freeze", "check"])
def test_a_wrong_program_has_its_own_status(shop: Path, command: str) -> None:
    (shop / "orders.py").write_text("class Orders(")

    done = outgrow(shop, command)

    assert done.returncode == 2
    assert "orders.py:1" in done.stderr


@pytest.mark.parametrize("command", ["freeze", "check"])
def test_a_lost_file_switches_no_check_off(shop: Path, command: str) -> None:
    (shop / "contracts" / "orders.json").unlink()
    (shop / "orders.py").write_text(UNPRICED)

    done = outgrow(shop, command)

    assert done.returncode == 2
    assert "contracts/orders.proto: orders.json, which stands beside it" in done.stderr
    assert "git checkout HEAD -- contracts/orders.json" in done.stderr
    assert not (shop / "contracts" / "orders.json").exists()


def test_a_merge_conflict_in_what_is_frozen_is_told(shop: Path) -> None:
    path = shop / "contracts" / "orders.json"
    path.write_text("{\n<<<<<<< HEAD\n=======\n>>>>>>> other\n}\n")

    done = outgrow(shop, "check")

    assert done.returncode == 2
    assert f"{path.relative_to(shop)}:2: the frozen contract holds a merge conflict." in done.stderr
    assert "More: outgrow explain frozen-conflict" in done.stderr
