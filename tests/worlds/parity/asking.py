"""Asking until the answer is true."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

ASKED_MAX = 20_000

Until = Callable[[Callable[[], Awaitable[object]]], Awaitable[None]]


async def until(ask: Callable[[], Awaitable[object]]) -> None:
    """Ask again and again until the answer is true; each question is a call of its own."""
    for _ in range(ASKED_MAX):
        if await ask():
            return
        await asyncio.sleep(0)  # noqa: TID251 - lets others go on; no time passes
    message = f"not true after being asked {ASKED_MAX} times"
    raise AssertionError(message)
