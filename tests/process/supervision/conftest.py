"""A folder for an application that runs as several processes, and the programs started in it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.process.supervision.program import Program, write_application

Start = Callable[..., Program]


@pytest.fixture(scope="module", autouse=True)
def _compiled_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Like an installed package, what is started is compiled once, whatever is set here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPYCACHEPREFIX", str(tmp_path_factory.getbasetemp() / "bytecode"))
        patch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
        yield


@pytest.fixture
def folder() -> Iterator[Path]:
    """A small application, in a folder whose path is short, as Unix sockets need, and no ASCII."""
    with tempfile.TemporaryDirectory(prefix="og é-") as path:
        yield write_application(Path(path))


@pytest.fixture
def start(folder: Path) -> Iterator[Start]:
    """Start the topology; everything is stopped at the end."""
    with ExitStack() as stack:
        yield lambda *arguments: stack.enter_context(Program(folder, *arguments))
