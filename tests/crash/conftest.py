from pathlib import Path

import pytest

from tests.crash import harness


@pytest.fixture(scope="session")
def passed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, int]:
    """How often a life that nobody disturbs passes each crash point."""
    story = harness.tell(tmp_path_factory.mktemp("undisturbed"), [])
    assert not story.violations, str(story)
    return story.lives[0].passed


@pytest.fixture(scope="session")
def graveyard(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where stories take place that several tests listen to."""
    return tmp_path_factory.mktemp("graveyard")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    seed = harness.seed()
    terminalreporter.write_line(f"kills drawn by seed {seed}; OUTGROW_SEED={seed} repeats them")
