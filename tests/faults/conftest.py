"""What the fault tests share: a disk that can lose power."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.crash.harness import Machine, seed
from tests.faults.power.disk import Disk, NoCompiler, compiled

NOT_TRIED = pytest.StashKey[list[str]]()
"""What could not be tried on this machine, and why."""


class Mains(Machine):
    """
    A machine that loses power whenever its process dies.

    Args:
        state: The folder whose disk it is.
        library: What notes the changes.
    """

    def __init__(self, state: Path, library: Path) -> None:
        self._disk = Disk(state, state.with_name(f"{state.name}-disk"), library)
        self._chance = random.Random(f"{seed()} {state.name}")
        self.environment = self._disk.environment
        self.writes_lost = 0

    def begin(self) -> None:
        self._disk.power_on()

    def end(self) -> None:
        self.writes_lost += self._disk.cut(self._chance if self._chance.random() < 0.5 else None)


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Path:
    """What notes the changes of files; skips loudly where it cannot be compiled."""
    try:
        return compiled(tmp_path_factory.mktemp("power"))
    except NoCompiler as error:
        request.config.stash.setdefault(NOT_TRIED, []).append(str(error))
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def mains(library: Path) -> Callable[[Path], Mains]:
    """Makes machines that lose power when their process dies."""
    return lambda state: Mains(state, library)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for reason in terminalreporter.config.stash.get(NOT_TRIED, []):
        terminalreporter.write_line(reason, red=True, bold=True)
