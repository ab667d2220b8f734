"""A village whose sagas wait, in this test's folder, on a clock that stands still."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from outgrow.clock import ManualClock
from tests.sagas.timing.village import Village

Run = Callable[..., Any]

IN_EACH_RUN = {
    "test_a_saga_hears_what_it_waits_for",
    "test_no_event_is_missed_that_comes_while_a_saga_begins_to_wait",
    "test_two_transactions_at_once_miss_nothing",
    "test_waiting_goes_on_after_a_restart",
}
"""Tests that PostgreSQL is given in each run; the others by `make test-all`."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        name = getattr(item, "originalname", item.name)
        if item.path.parent == Path(__file__).parent and name not in IN_EACH_RUN:
            callspec = getattr(item, "callspec", None)
            if callspec is not None and callspec.params.get("store_kind") == "postgres":
                item.add_marker(pytest.mark.long)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture(params=["sqlite", "postgres"])
def store_kind(request: pytest.FixtureRequest) -> str:
    kind: str = request.param
    return kind


@pytest.fixture
async def urls(store_kind: str, request: pytest.FixtureRequest) -> dict[str, str]:
    """Where the databases of the services are; nothing for files in this test's folder."""
    if store_kind == "sqlite":
        return {}
    server = request.getfixturevalue("outgrow_postgres")
    return {service: await server.database() for service in ("bookings", "tills")}


@pytest.fixture
def run_village(tmp_path: Path, clock: ManualClock, urls: dict[str, str]) -> Run:
    """``async with run_village() as village``: on the stores as they are."""

    def run(**options: Any) -> Any:
        is_abandoned = options.pop("is_abandoned", False)
        return Village(tmp_path, clock, urls, **options).running(is_abandoned=is_abandoned)

    return run


@pytest.fixture
async def village(run_village: Run) -> AsyncIterator[Village]:
    async with run_village() as running:
        yield running
