"""Several processes host a service whose events go over NATS: one of them publishes."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest

from tests.journal.nats.conftest import Open
from tests.journal.nats.parts import Writing, wait_until
from tests.journal.nats.server import NatsServer


@pytest.fixture
def store_kind() -> str:
    """Several processes have a store open in PostgreSQL only."""
    return "postgres"


def leads(shop: Writing) -> bool:
    return bool(shop.delivery.replicas()["orders"]["leads"])


def placed(count: int) -> list[str]:
    return [f"k{n % 4} placed {n}" for n in range(count)]


async def test_one_publishes_and_another_goes_on_when_it_is_gone(
    server: NatsServer, writing: Open, listening: Open
) -> None:
    async with AsyncExitStack() as stack:
        first_stack = await stack.enter_async_context(AsyncExitStack())
        first = await first_stack.enter_async_context(writing())
        await wait_until(lambda: leads(first))
        post = await stack.enter_async_context(listening())
        second = await stack.enter_async_context(writing())
        for n in range(0, 40, 2):
            await first.place([f"k{n % 4}"], n)
            await second.place([f"k{(n + 1) % 4}"], n + 1)
        await wait_until(lambda: _count(post, 40))
        assert not leads(second)
        assert second.relay.published == 0

        await first_stack.aclose()
        await wait_until(lambda: leads(second))
        for n in range(40, 60):
            await second.place([f"k{n % 4}"], n)
        await wait_until(lambda: _count(post, 60))
        texts = await post.texts()
    for key in range(4):
        assert [t for t in texts if t.startswith(f"k{key} ")] == placed(60)[key::4]


async def test_handlers_of_several_processes_share_what_comes_over_nats(
    server: NatsServer, writing: Open, listening: Open
) -> None:
    async with writing() as shop, listening() as one, listening() as other:
        await wait_until(
            lambda: all(p.delivery.replicas()["letters"]["partitions"] == 16 for p in (one, other))
        )
        async with asyncio.TaskGroup() as group:
            for key in range(20):

                async def place(key: int = key) -> None:
                    for n in range(6):
                        await shop.place([f"k{key}"], n)

                group.create_task(place())
        await wait_until(lambda: _count(one, 120))
        texts = await one.texts()
        handled = [p.delivery._consumers[0].handled for p in (one, other)]
    assert sum(handled) == 120
    assert all(handled)
    for key in range(20):
        assert [t for t in texts if t.startswith(f"k{key} ")] == [
            f"k{key} placed {n}" for n in range(6)
        ]


async def _count(post, count):
    return len(await post.texts()) >= count
