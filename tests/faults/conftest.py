"""What the fault tests share: machines that lose power, and stores in SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from outgrow.testing import PostgresServer
from tests.crash.harness import Machine, MachineMaker, seed
from tests.faults.brokers import listening, server, stopped, writing
from tests.faults.machines import Databases, Mains
from tests.faults.power.disk import NoCompiler, compiled
from tests.journal.conftest import clock, run_shop, shop, store_kind, urls

__all__ = [
    "clock",
    "listening",
    "run_shop",
    "server",
    "shop",
    "stopped",
    "store_kind",
    "urls",
    "writing",
]

NOT_TRIED = pytest.StashKey[list[str]]()
"""What could not be tried on this machine, and why."""


TOLD = pytest.StashKey[list[str]]()
"""What long runs have measured."""


@pytest.fixture
def tell(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Let the report of the run say something at its end."""
    return request.config.stash.setdefault(TOLD, []).append


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


@pytest.fixture(scope="session")
def databases(outgrow_postgres: PostgresServer) -> MachineMaker:
    """Makes machines whose stores are in PostgreSQL."""
    return lambda _: Databases(outgrow_postgres)


@pytest.fixture(scope="session")
def machines(outgrow_postgres: PostgresServer) -> dict[str, MachineMaker]:
    """Makes machines, by the name of their store."""
    return {"sqlite": lambda _: Machine(), "postgres": lambda _: Databases(outgrow_postgres)}


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for reason in terminalreporter.config.stash.get(NOT_TRIED, []):
        terminalreporter.write_line(reason, red=True, bold=True)
    for told in terminalreporter.config.stash.get(TOLD, []):
        terminalreporter.write_line(told)
    terminalreporter.write_line(
        f"faults drawn by seed {seed()}; OUTGROW_SEED={seed()} repeats them"
    )
