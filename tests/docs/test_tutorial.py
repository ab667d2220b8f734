"""The tutorial and its further chapters, done by a reader who does exactly what they say."""

from pathlib import Path

import pytest

from tests.docs.pages import ROOT, blocks
from tests.docs.terminal import Terminal

TUTORIAL = ROOT / "docs" / "tutorial.md"
SPLIT = ROOT / "docs" / "split-your-first-service.md"
SAGA = ROOT / "docs" / "your-first-saga.md"


@pytest.mark.timeout(240)
def test_the_tutorial_does_what_it_shows(terminal: Terminal) -> None:
    for block in blocks(TUTORIAL):
        terminal.follow(block)


@pytest.mark.timeout(240)
def test_the_library_is_split_and_put_together_again(library: Terminal) -> None:
    for block in blocks(SPLIT):
        assert block.file in {None, "outgrow.toml"}, f"{block.place}: not a line of code changes"
        library.follow(block)


@pytest.mark.timeout(240)
def test_a_command_of_the_library_spans_services(library: Terminal) -> None:
    for block in blocks(SAGA):
        library.follow(block)


@pytest.mark.parametrize("page", [TUTORIAL, SPLIT, SAGA], ids=lambda page: page.stem)
def test_everything_that_the_tutorial_shows_is_a_file_or_typed(page: Path) -> None:
    for block in blocks(page):
        assert block.file or block.commands, f"{block.place}: neither a file nor a command"
