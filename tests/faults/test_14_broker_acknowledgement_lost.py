"""
14. What the broker acknowledges gets lost, and is published again, also when it is too late for
the broker to know it: the handler's position takes it for what it is.
"""

from __future__ import annotations

import pytest

from outgrow.clock import SystemClock
from outgrow.journal.nats import relay as relay_room
from outgrow.journal.nats import streams
from outgrow.nats import NoAnswer
from tests.faults.brokers import NatsServer, Open, arrived, has_more, place
from tests.journal.nats.parts import wait_until


async def test_what_is_published_again_has_no_second_effect(
    server: NatsServer, writing: Open, listening: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = 0
    right = relay_room.in_time

    async def lose_every_other(answered, seconds):
        nonlocal lost
        answer = await right(answered, seconds)
        lost += 1
        if lost % 2:
            raise NoAnswer("lost")
        return answer

    monkeypatch.setattr(relay_room, "in_time", lose_every_other)
    async with writing() as shop, listening() as post:
        for start in range(0, 200, 50):
            await place(shop, range(start, start + 50))
            await wait_until(lambda n=start: has_more(post, n))
        await arrived(post, 200)
    assert lost > 2


async def test_what_is_published_again_after_the_broker_forgot_it_has_no_second_effect(
    server: NatsServer, writing: Open, listening: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The broker knows ids for a second here; the acknowledgement is missed for longer."""
    monkeypatch.setattr(streams, "DUPLICATE_SECONDS", 1)
    right, clock, is_first = relay_room.in_time, SystemClock(), True

    async def lose_the_first(answered, seconds):
        nonlocal is_first
        answer = await right(answered, seconds)
        if is_first:
            is_first = False
            await clock.sleep(1.5)
            raise NoAnswer("lost")
        return answer

    async with writing() as shop, listening() as post:
        await shop.wait_published()
        monkeypatch.setattr(relay_room, "in_time", lose_the_first)
        await place(shop, range(50))
        await arrived(post, 50)
        await wait_until(lambda: not is_first)
        await place(shop, [50])
        await shop.wait_published()
        await arrived(post, 51)


async def test_a_message_that_stands_in_the_stream_twice_is_handled_once(
    server: NatsServer, writing: Open, listening: Open
) -> None:
    """As if the broker had not known it, and an older relay had not looked for its place."""
    async with writing() as shop, listening() as post:
        await post.wait_ready()
        await place(shop, range(10))
        await arrived(post, 10)
        connection = shop.broker._line.connection
        batch = await shop.delivery.journals["orders"].events(0, ["orders.OrderPlaced"], 10)
        previous = 0
        for message in batch.messages:
            subject = shop.relay._stream.subject_of(message)
            await connection.publish(subject, shop.relay.wire(message, previous))
            previous = message.position
        await wait_until(lambda: post.remote._feed.received >= 20 or shop.relay.rewinds)
        await place(shop, [10])
        await arrived(post, 11)
