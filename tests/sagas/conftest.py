"""Three services with sagas, running in this test's folder on a clock that stands still."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from outgrow.clock import ManualClock
from tests.sagas.town import Town

Run = Callable[..., Any]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """PostgreSQL is given by `make test-all` only, but where a test says that it is for `both`."""
    for item in items:
        callspec = getattr(item, "callspec", None)
        is_ours = item.path.parent == Path(__file__).parent and callspec is not None
        is_postgres = is_ours and callspec.params.get("store_kind") == "postgres"
        if is_postgres and not getattr(item.function, "is_for_both", False):
            item.add_marker(pytest.mark.long)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture(params=["sqlite", "postgres"])
def store_kind(request: pytest.FixtureRequest) -> str:
    """Where the stores are; each test that uses them can run on both."""
    kind: str = request.param
    return kind


@pytest.fixture
async def urls(store_kind: str, request: pytest.FixtureRequest) -> dict[str, str]:
    """Where the databases of the services are; nothing for files in this test's folder."""
    if store_kind == "sqlite":
        return {}
    server = request.getfixturevalue("outgrow_postgres")
    return {service: await server.database() for service in ("orders", "payments", "stock")}


@pytest.fixture
def run_town(tmp_path: Path, clock: ManualClock, urls: dict[str, str]) -> Run:
    """``async with run_town() as town``: open the stores in this test's folder, and work."""

    @asynccontextmanager
    async def run() -> AsyncIterator[Town]:
        town = Town(tmp_path, clock, urls)
        await town.open()
        try:
            async with asyncio.TaskGroup() as group:
                working = [group.create_task(town.delivery.run())]
                working.append(group.create_task(town.sagas.run()))
                try:
                    yield town
                finally:
                    town.sagas.stop()
                    await asyncio.wait(working[1:])
                    town.delivery.stop()
        finally:
            await town.close()

    return run


@pytest.fixture
async def town(run_town: Run) -> AsyncIterator[Town]:
    async with run_town() as running:
        yield running
