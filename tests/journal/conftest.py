"""The shop of the journal's tests, running in this test's folder on a clock that stands still."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from outgrow.clock import ManualClock
from tests.journal.shop import Shop

Run = Callable[..., Any]

FILES_WILL_DO = {"test_keys.py", "test_overview.py", "test_repeats.py", "test_telling.py"}
"""Tests that PostgreSQL is given by `make test-all` only; all others here have both each time."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.parent == Path(__file__).parent and item.path.name in FILES_WILL_DO:
            callspec = getattr(item, "callspec", None)
            if callspec is not None and callspec.params.get("store_kind") == "postgres":
                item.add_marker(pytest.mark.long)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture(params=["sqlite", "postgres"])
def store_kind(request: pytest.FixtureRequest) -> str:
    """Where the stores are; each test that uses them runs on both."""
    kind: str = request.param
    return kind


@pytest.fixture
async def urls(store_kind: str, request: pytest.FixtureRequest) -> dict[str, str]:
    """Where the databases of the shop's services are; nothing for files in this test's folder."""
    if store_kind == "sqlite":
        return {}
    server = request.getfixturevalue("outgrow_postgres")
    return {service: await server.database() for service in ("orders", "letters")}


@pytest.fixture
def empty_store(
    tmp_path: Path, urls: dict[str, str], request: pytest.FixtureRequest
) -> Callable[[str], Awaitable[None]]:
    """``await empty_store("orders")``: let a service that is stopped find an empty store."""

    async def empty(service: str) -> None:
        if urls:
            urls[service] = await request.getfixturevalue("outgrow_postgres").database()
        for file in tmp_path.glob(f"{service}.sqlite3*"):  # noqa: ASYNC240
            file.unlink()

    return empty


@pytest.fixture
def run_shop(tmp_path: Path, clock: ManualClock, urls: dict[str, str]) -> Run:
    """``async with run_shop() as shop``: open the stores in this test's folder, and deliver."""

    @asynccontextmanager
    async def run(*, deliver: bool = True) -> AsyncIterator[Shop]:
        shop = Shop(tmp_path, clock, urls)
        await shop.open()
        try:
            if deliver:
                async with asyncio.TaskGroup() as group:
                    task = group.create_task(shop.delivery.run())
                    try:
                        yield shop
                    finally:
                        shop.delivery.stop()
                    del task
            else:
                yield shop
        finally:
            await shop.close()

    return run


@pytest.fixture
async def shop(run_shop: Run) -> AsyncIterator[Shop]:
    async with run_shop() as running:
        yield running
