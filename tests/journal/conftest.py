"""The shop of the journal's tests, running in this test's folder on a clock that stands still."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from outgrow.clock import ManualClock
from tests.journal.shop import Shop

Run = Callable[..., Any]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def run_shop(tmp_path: Path, clock: ManualClock) -> Run:
    """``async with run_shop() as shop``: open the stores in this test's folder, and deliver."""

    @asynccontextmanager
    async def run(*, deliver: bool = True) -> AsyncIterator[Shop]:
        shop = Shop(tmp_path, clock)
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
