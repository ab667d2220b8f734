import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.pages import ROOT, blocks
from tests.docs.terminal import Terminal


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    """A terminal in an empty folder, whose path is short enough for a Unix socket."""
    with (
        tempfile.TemporaryDirectory(prefix="outgrow-") as folder,
        Terminal(Path(folder)) as opened,
    ):
        yield opened


@pytest.fixture
def library(terminal: Terminal) -> Terminal:
    """A terminal in the folder of the library, as it is at the end of the tutorial."""
    for block in blocks(ROOT / "docs" / "tutorial.md"):
        if block.file:
            terminal.follow(block)
    return terminal


@pytest.fixture
def lending(library: Terminal) -> Terminal:
    """The library as it is at the end of the tutorial's third chapter."""
    for block in blocks(ROOT / "docs" / "your-first-saga.md"):
        if block.file:
            library.follow(block)
    return library
