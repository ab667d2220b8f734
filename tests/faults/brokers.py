"""A NATS server and two processes that hear each other over it, whose stores are of both kinds."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from outgrow.clock import SystemClock
from tests.journal.nats import parts
from tests.journal.nats.conftest import server, stopped
from tests.journal.nats.parts import WAIT_SECONDS_MAX, Listening, Writing, wait_until
from tests.journal.nats.server import NatsServer
from tests.journal.orders import OrderPlaced

__all__ = [
    "NatsServer",
    "Open",
    "arrived",
    "has_more",
    "listening",
    "place",
    "place_slowly",
    "placed",
    "server",
    "stopped",
    "writing",
]

Open = Callable[..., Any]
KEYS = 4


@pytest.fixture
def writing(tmp_path: Path, stopped: NatsServer, urls: dict[str, str]) -> Open:
    """``async with writing() as shop``: the process that hosts orders."""
    return lambda **options: parts.writing(tmp_path, stopped.url, urls=urls, **options)


@pytest.fixture
def listening(tmp_path: Path, stopped: NatsServer, urls: dict[str, str]) -> Open:
    """``async with listening() as post``: the process that hosts letters."""
    return lambda **options: parts.listening(tmp_path, stopped.url, urls=urls, **options)


def placed(count: int) -> dict[str, list[str]]:
    """The letters that are expected of so many orders, by their keys; only they are in order."""
    return by_key([f"{key_of(n)} placed {n}" for n in range(count)])


def by_key(texts: Iterable[str]) -> dict[str, list[str]]:
    """Letters in their order, by key."""
    found: dict[str, list[str]] = {}
    for text in texts:
        found.setdefault(text.split()[0], []).append(text)
    return found


def key_of(number: int) -> str:
    """Several keys, each of which comes again and again."""
    return f"k{number % KEYS}"


async def place(shop: Writing, numbers: Iterable[int]) -> None:
    """Record the orders of these numbers in one unit."""
    await shop.record(OrderPlaced(order_id=key_of(n), cents=n) for n in numbers)


async def place_slowly(
    shop: Writing, count: int, *, begin: int = 0, seconds: float = 0.001
) -> None:
    """Place one order after the other."""
    clock = SystemClock()
    for n in range(begin, begin + count):
        await place(shop, [n])
        await clock.sleep(seconds)


async def arrived(post: Listening, count: int, seconds: float = WAIT_SECONDS_MAX) -> None:
    """Wait until so many orders have become letters: each once, in the order of its key."""
    with suppress(TimeoutError):
        await wait_until(lambda: has_more(post, count - 1), seconds)
    assert by_key(await post.texts()) == placed(count)


async def has_more(post: Listening, count: int) -> bool:
    """Whether more than *count* letters are there."""
    return len(await post.texts()) > count
