"""Pages that explain: complete, and every test that they name is there."""

import re

import pytest

from tests.docs.pages import ROOT
from tests.docs.test_guarantees import NAMED, names_in

EXPLANATION = ROOT / "docs" / "explanation"
WORLDS = ROOT / "tests" / "worlds"


def test_every_difference_between_the_worlds_is_pinned_and_explained() -> None:
    text = (EXPLANATION / "worlds.md").read_text(encoding="utf-8")
    differences = text.split("## What differs\n")[1].split("\n## ")[0]
    told = re.findall(r"^\| .+ `(test_\w+)` \|$", differences, re.MULTILINE)
    pinned = {
        name
        for file in (WORLDS / "divergences").glob("test_*.py")
        for name in names_in(file)
        if name.startswith("test_")
    }

    assert sorted(told) == sorted(pinned)


def test_every_part_of_the_parity_suite_is_named() -> None:
    text = (EXPLANATION / "worlds.md").read_text(encoding="utf-8")

    assert [file.name for file in WORLDS.glob("test_*.py") if f"`{file.name}`" not in text] == []


def test_every_death_names_what_shows_it() -> None:
    text = (EXPLANATION / "when-parts-die.md").read_text(encoding="utf-8")
    told, shown = (
        re.findall(r"^\| \*\*(.+?)\*\*", part, re.MULTILINE)
        for part in text.split("## Which tests show it\n")
    )

    assert len(told) > 10
    assert told == shown


@pytest.mark.parametrize(
    "page", ["explanation/when-parts-die.md", "how-to/operate-a-split-application.md"]
)
def test_every_named_test_exists(page: str) -> None:
    named = NAMED.findall((ROOT / "docs" / page).read_text(encoding="utf-8"))
    missing = [
        f"{path}::{name}"
        for path, name in named
        if not (ROOT / path).is_file() or name not in names_in(ROOT / path)
    ]

    assert missing == []
