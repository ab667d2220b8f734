"""A killed process has lost nothing and doubled nothing, wherever it was."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

POINTS = [
    "inbox.before_key",
    "journal.after_fetch",
    "journal.before_effect",
    "journal.after_effect",
    "journal.after_set_aside",
    "journal.before_cursor",
    "journal.after_send",
    "store.before_commit",
    "store.after_commit",
]


def run(folder: Path, point: str = "", nth: int = 0, mutant: str = "") -> list[str] | None:
    """What is wrong at the end; None if the program was killed before."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.journal.crashing", folder, point, str(nth), mutant],
        check=False,
        capture_output=True,
        text=True,
        timeout=30,
    )
    if done.returncode == -signal.SIGKILL:
        return None
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_work_that_nobody_interrupts_is_done_once(tmp_path: Path):
    assert run(tmp_path) == []


@pytest.mark.parametrize("point", POINTS)
def test_a_kill_and_another_during_recovery_lose_and_double_nothing(tmp_path: Path, point: str):
    nth = 1 if point in {"journal.after_set_aside", "journal.before_cursor"} else 5
    assert run(tmp_path, point, nth) is None
    run(tmp_path, point, 2)
    assert run(tmp_path) == []


@pytest.mark.long
@pytest.mark.parametrize("nth", range(1, 40, 3))
@pytest.mark.parametrize("point", POINTS)
def test_a_kill_at_any_turn_loses_and_doubles_nothing(tmp_path: Path, point: str, nth: int):
    for _ in range(3):
        run(tmp_path, point, nth)
    assert run(tmp_path) == []


@pytest.mark.parametrize(
    ("mutant", "point", "nth"),
    [
        ("no-inbox-check", "journal.after_effect", 20),
        ("two-transactions", "journal.after_effect", 10),
        ("cursor-first", "journal.before_effect", 1),
    ],
)
def test_a_journal_without_one_of_its_safeguards_is_found_out(
    tmp_path: Path, mutant: str, point: str, nth: int
):
    run(tmp_path, point, nth, mutant)
    assert run(tmp_path, mutant=mutant) != []
