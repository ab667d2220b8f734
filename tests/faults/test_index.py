"""README.md names what is there: twenty files, and tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

from tests.crash.mutants import MUTANTS
from tests.crash.points import ROOT
from tests.docs.test_guarantees import names_in

HERE = Path(__file__).parent
TEXT = (HERE / "README.md").read_text()


def test_there_are_twenty_files_and_each_has_its_row() -> None:
    files = sorted(path.name for path in HERE.glob("test_[0-9][0-9]_*.py"))

    assert re.findall(r"^\| \d+ \| `(\w+\.py)` \|", TEXT, re.MULTILINE) == files
    assert [int(name[5:7]) for name in files] == list(range(1, 21))


def test_every_test_that_is_named_exists() -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", TEXT)
    missing = [
        f"{file}::{name}"
        for file, name in named
        if not (ROOT / file).exists() or (name and name not in names_in(ROOT / file))
    ]

    assert missing == []


def test_every_mutant_is_named() -> None:
    elsewhere = {"not_synced", "unfenced"}

    assert [name for name in MUTANTS if name not in TEXT and name not in elsewhere] == []
