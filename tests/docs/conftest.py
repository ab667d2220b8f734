import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.terminal import Terminal


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    """A terminal in an empty folder, whose path is short enough for a Unix socket."""
    with (
        tempfile.TemporaryDirectory(prefix="outgrow-") as folder,
        Terminal(Path(folder)) as opened,
    ):
        yield opened
