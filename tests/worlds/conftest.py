"""What the parity tests share."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

Until = Callable[[Callable[[], Awaitable[object]]], Awaitable[None]]
ASKED_MAX = 20_000


@pytest.fixture
def until() -> Until:
    """Ask again and again until the answer is true; each question is a call of its own."""

    async def wait_until(ask: Callable[[], Awaitable[object]]) -> None:
        for _ in range(ASKED_MAX):
            if await ask():
                return
            await asyncio.sleep(0)  # lets others go on; no time passes
        pytest.fail(f"not true after being asked {ASKED_MAX} times")

    return wait_until
