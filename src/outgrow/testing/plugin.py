"""
The pytest plugin: one test, several worlds.

A test that asks for the fixture ``world`` runs once in each world that ``--world`` names.
"""

from __future__ import annotations

import inspect
import os
import sys
import warnings
from collections.abc import AsyncIterator, Generator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from outgrow.errors import ControlError, DefinitionError
from outgrow.process import STATE_FOLDER
from outgrow.testing.noting import VARIABLE as STATEMENTS
from outgrow.testing.world import WORLDS, World, opened

if TYPE_CHECKING:
    from outgrow.testing.databases import PostgresServer
    from outgrow.testing.hosts import Hosts

try:
    from pytest_asyncio import fixture as async_fixture
except ModuleNotFoundError:
    # Without the extra 'testing' there are no worlds, but the tests of others must not suffer.
    async_fixture = pytest.fixture  # type: ignore[assignment]


_UNSET = 'The configuration option "asyncio_default_fixture_loop_scope" is unset'

_LOGGED = pytest.StashKey[tuple["Hosts", dict[str, int]]]()
"""The processes of the apart world, and how much they had logged when the test began."""

WORLD_NAMES = (*WORLDS, "apart")
STORE_NAMES = ("sqlite", "postgres")
CONFIGURED = "configured"
"""The kind of store that the topology file names; never the store itself, which may be in use."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--world``, ``--store`` and others, and the setting ``outgrow_file``."""
    group = parser.getgroup("outgrow")
    group.addoption(
        "--world",
        default="all",
        help=f"which worlds to run tests in: all, or some of {', '.join(WORLD_NAMES)}, by commas",
    )
    group.addoption(
        "--store",
        default=CONFIGURED,
        help="which stores the worlds have: sqlite, postgres (a server is started), or all; "
        "if it is not said, fresh ones of the kind that the topology file names",
    )
    group.addoption(
        "--replicas",
        type=int,
        help="how many replicas each process has in the world apart, on stores in PostgreSQL; as "
        "many as the topology file says if it is not said",
    )
    group.addoption(
        "--outgrow-statements",
        action="store_true",
        help="note the SQL that services run, so that 'outgrow store move --check' can try it",
    )
    parser.addini("outgrow_file", "the topology file of the tested application", "string", "")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Refuse a world that does not exist, and let tests import the application's services."""
    # A world says nothing of loops that last longer than a test, so this choice is of no concern.
    warnings.filterwarnings("ignore", message=_UNSET)
    config.addinivalue_line("markers", "worlds(*names): run a test in these worlds alone")
    config.addinivalue_line(
        "markers", "replicas(count): run a test with as many replicas of each process, if apart"
    )
    config.addinivalue_line("markers", "faults: let faults happen to bytes in the world apart")
    config.addinivalue_line("markers", "stores(*names): run a test on these stores, and no others")
    _chosen(config)
    _chosen_stores(config)
    configured = config.getini("outgrow_file")
    file = config.rootpath / (configured or "outgrow.toml")
    if config.getoption("--outgrow-statements"):
        os.environ[STATEMENTS] = str(file.parent / STATE_FOLDER / "statements")
    if file.is_file() and str(file.parent) not in sys.path:
        sys.path.insert(0, str(file.parent))


@pytest.hookimpl(tryfirst=True)
def pytest_pycollect_makeitem(obj: object) -> None:
    """Let a test that asks for a world be ``async def``, whatever pytest-asyncio's mode."""
    # Since 3.12 the module inspect itself passes for a coroutine function.
    if not inspect.isfunction(obj) or not inspect.iscoroutinefunction(obj):
        return
    if "world" not in inspect.signature(obj).parameters:
        return
    if all(mark.name != "asyncio" for mark in getattr(obj, "pytestmark", [])):
        pytest.mark.asyncio(obj)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that asks for a world once in each, or in those that it is marked with."""
    if "world_name" in metafunc.fixturenames:
        names = _chosen(metafunc.config)
        for mark in metafunc.definition.iter_markers("worlds"):
            names = [name for name in names if name in mark.args]
        metafunc.parametrize("world_name", names, scope="session")
    if "world_store" in metafunc.fixturenames:
        stores = _chosen_stores(metafunc.config)
        for mark in metafunc.definition.iter_markers("stores"):
            stores = (
                list(mark.args) if stores == [CONFIGURED] else [s for s in stores if s in mark.args]
            )
        if stores != [CONFIGURED]:
            metafunc.parametrize("world_store", stores, scope="session")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show in the report of a test that fails what the processes of the apart world logged."""
    if call.excinfo is not None and _LOGGED in item.stash:
        hosts, before = item.stash[_LOGGED]
        item.stash[_LOGGED] = hosts, hosts.logged()
        for name, text in hosts.logged_since(before).items():
            item.add_report_section(call.when, f"log of process {name!r}", text)
    return (yield)


def _chosen(config: pytest.Config) -> list[str]:
    asked = config.getoption("--world")
    names = list(WORLD_NAMES) if asked == "all" else asked.split(",")
    unknown = sorted(set(names) - set(WORLD_NAMES))
    if unknown:
        message = f"--world={asked}: no such world. There are: {', '.join(WORLD_NAMES)}, or all."
        raise pytest.UsageError(message)
    return names


def _chosen_stores(config: pytest.Config) -> list[str]:
    asked = config.getoption("--store")
    names = list(STORE_NAMES) if asked == "all" else asked.split(",")
    if asked == CONFIGURED:
        return names
    if set(names) - set(STORE_NAMES):
        message = f"--store={asked}: no such store. There are: {', '.join(STORE_NAMES)}, or all."
        raise pytest.UsageError(message)
    return names


@pytest.fixture(scope="session")
def world_store() -> str:
    """Where the stores of a world live: ``sqlite`` or ``postgres``; by ``--store``."""
    return CONFIGURED


@pytest.fixture
def outgrow_file(request: pytest.FixtureRequest) -> Path:
    """
    The topology file of the tested application.

    The setting ``outgrow_file``, relative to pytest's root folder; else the nearest
    ``outgrow.toml`` at or above the test's own folder. Override the fixture to choose another.
    """
    configured = request.config.getini("outgrow_file")
    if configured:
        return Path(request.config.rootpath, configured)
    for folder in request.path.parents:
        if (folder / "outgrow.toml").is_file():
            return folder / "outgrow.toml"
    message = f"no outgrow.toml at or above {request.path}; set outgrow_file in pytest's settings"
    raise pytest.UsageError(message)


@pytest.fixture(scope="session")
def outgrow_hosts() -> Iterator[Hosts]:
    """The processes of the apart world; none is started before a test needs it."""
    from outgrow.testing.hosts import Hosts  # noqa: PLC0415 - needed in one world of three

    hosts = Hosts()
    yield hosts
    hosts.close()


@pytest.fixture(scope="session")
def outgrow_postgres() -> Iterator[PostgresServer]:
    """
    A PostgreSQL server for this process of the test run, which is not started before its first use.

    ``await outgrow_postgres.database()`` gives the URL of a fresh database, as often as wanted;
    `start`, `stop` and `kill` do that to the server. Take a `PostgresServer` of your own for tests
    that leave it in disorder.
    """
    from outgrow.testing.databases import PostgresServer  # noqa: PLC0415 - needed by few

    server = PostgresServer()
    yield server
    server.close()


@async_fixture
async def postgres_url(outgrow_postgres: PostgresServer) -> str:
    """The URL of a fresh database in PostgreSQL, with the rights that a service has there."""
    return await outgrow_postgres.database()


@async_fixture
async def world(
    request: pytest.FixtureRequest,
    *,
    world_name: str,
    world_store: str,
    outgrow_file: Path,
    outgrow_hosts: Hosts,
    outgrow_postgres: PostgresServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[World]:
    """The application, freshly started with empty stores and a clock that stands still."""
    state = tmp_path_factory.mktemp("world")
    request.node.stash[_LOGGED] = outgrow_hosts, outgrow_hosts.logged()
    async with AsyncExitStack() as stack:
        try:
            made = _world(request, world_name, outgrow_file, state, outgrow_hosts)
            if world_store != "sqlite":
                await made.keep_in(outgrow_postgres, all_services=world_store == "postgres")
            started = await stack.enter_async_context(opened(made))
        except (DefinitionError, ControlError) as error:
            # What is wrong stands in the finding, and nothing in the frames of outgrow.
            pytest.fail(str(error), pytrace=False)
        yield started


def _world(
    request: pytest.FixtureRequest, name: str, file: Path, state: Path, hosts: Hosts
) -> World:
    if name != "apart":
        return World(name, file, state)
    from outgrow.testing.apart import ApartWorld  # noqa: PLC0415 - as above

    mark = request.node.get_closest_marker("replicas")
    replicas = mark.args[0] if mark is not None else request.config.getoption("--replicas")
    has_proxies = request.node.get_closest_marker("faults") is not None
    return ApartWorld(file, state, hosts, replicas=replicas, has_proxies=has_proxies)
