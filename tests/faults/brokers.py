"""A NATS server and two processes that hear each other over it, whose stores are of both kinds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from outgrow.clock import SystemClock
from tests.journal.nats import parts
from tests.journal.nats.conftest import server, stopped
from tests.journal.nats.parts import Writing
from tests.journal.nats.server import NatsServer

__all__ = [
    "Open",
    "has_more",
    "listening",
    "place_slowly",
    "placed",
    "server",
    "stopped",
    "writing",
]

Open = Callable[..., Any]


@pytest.fixture
def writing(tmp_path: Path, stopped: NatsServer, urls: dict[str, str]) -> Open:
    """``async with writing() as shop``: the process that hosts orders."""
    return lambda **options: parts.writing(tmp_path, stopped.url, urls=urls, **options)


@pytest.fixture
def listening(tmp_path: Path, stopped: NatsServer, urls: dict[str, str]) -> Open:
    """``async with listening() as post``: the process that hosts letters."""
    return lambda **options: parts.listening(tmp_path, stopped.url, urls=urls, **options)


def placed(ids, cents=1):
    """The letters that are expected of orders."""
    return [f"{n} placed {cents}" for n in ids]


async def place_slowly(
    shop: Writing, count: int, *, begin: int = 0, seconds: float = 0.001
) -> None:
    """Place one order after the other."""
    clock = SystemClock()
    for n in range(begin, begin + count):
        await shop.place([str(n)])
        await clock.sleep(seconds)


async def has_more(post, count):
    """Whether more than *count* letters are there."""
    return len(await post.texts()) > count
