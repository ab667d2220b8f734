"""The tutorial, done by a reader who does exactly what it says."""

import pytest

from tests.docs.pages import ROOT, blocks
from tests.docs.terminal import Terminal

TUTORIAL = ROOT / "docs" / "tutorial.md"


@pytest.mark.timeout(240)
def test_the_tutorial_does_what_it_shows(terminal: Terminal) -> None:
    for block in blocks(TUTORIAL):
        terminal.follow(block)


def test_everything_that_the_tutorial_shows_is_a_file_or_typed() -> None:
    for block in blocks(TUTORIAL):
        assert block.file or block.commands, f"{block.place}: neither a file nor a command"
