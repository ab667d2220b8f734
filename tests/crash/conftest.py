from pathlib import Path

import pytest

from tests.crash import harness


@pytest.fixture(scope="session")
def graveyard(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where stories take place that several tests listen to."""
    return tmp_path_factory.mktemp("graveyard")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    seed = harness.seed()
    terminalreporter.write_line(f"kills drawn by seed {seed}; OUTGROW_SEED={seed} repeats them")
