"""13. The broker is down, and services record on: all arrives afterwards, in order and once."""

from __future__ import annotations

import asyncio

import pytest

from outgrow.clock import SystemClock
from tests.faults.brokers import NatsServer, Open, arrived, has_more, place_slowly
from tests.journal.nats.parts import wait_until

LONG_SECONDS = 60.0


async def test_what_is_recorded_while_the_broker_is_down_arrives_in_order_and_once(
    server: NatsServer, writing: Open, listening: Open
) -> None:
    async with writing() as shop, listening() as post, asyncio.TaskGroup() as group:
        await place_slowly(shop, 20)
        await arrived(post, 20)
        server.kill()
        group.create_task(place_slowly(shop, 380, begin=20))
        await wait_until(lambda: shop.broker._line.connection is None)
        await wait_until(lambda: has_recorded(shop, 200))
        assert len(await post.texts()) == 20
        await server.start()
        await arrived(post, 400)


async def has_recorded(shop, count):
    return await shop.delivery.journals["orders"].end() >= count


async def test_a_broker_that_dies_again_and_again_loses_and_doubles_nothing(
    server: NatsServer, writing: Open, listening: Open
) -> None:
    async with writing() as shop, listening() as post, asyncio.TaskGroup() as group:
        group.create_task(place_slowly(shop, 300))
        for _ in range(2):
            heard = len(await post.texts())
            await wait_until(lambda n=heard: has_more(post, n))
            server.kill()
            await server.start()
        await arrived(post, 300)


@pytest.mark.long
@pytest.mark.timeout(150)
async def test_a_minute_without_the_broker(
    server: NatsServer, writing: Open, listening: Open
) -> None:
    clock = SystemClock()
    async with writing(clock=clock) as shop, listening(clock=clock) as post:
        await place_slowly(shop, 20)
        await arrived(post, 20)
        server.kill()
        until = clock.monotonic() + LONG_SECONDS
        count = 20
        while clock.monotonic() < until:
            await place_slowly(shop, 50, begin=count, seconds=0.02)
            count += 50
        await server.start()
        await arrived(post, count, 40)
