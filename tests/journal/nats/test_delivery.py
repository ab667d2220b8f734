"""Events reach another process in order, and each has its effect once."""

from __future__ import annotations

import asyncio

from outgrow.clock import SystemClock
from outgrow.journal.nats.asking import ask_end
from tests.journal.conftest import store_kind
from tests.journal.nats.conftest import Open
from tests.journal.nats.parts import wait_until
from tests.journal.nats.server import NatsServer
from tests.journal.orders import Noted, OrderCancelled, OrderPlaced

__all__ = ["store_kind"]  # These run on both stores each time.


def placed(ids, cents=1):
    return [f"{n} placed {cents}" for n in ids]


async def test_events_arrive_in_order_and_once(server: NatsServer, writing: Open, listening: Open):
    async with writing() as shop, listening() as post:
        for start in range(0, 1000, 10):
            await shop.place(map(str, range(start, start + 10)))

        await post.wait_texts(placed(range(1000)))
        assert await post.delivery.settle() is None
        await post.wait_texts(placed(range(1000)))  # No more than that.


async def test_classes_of_one_key_keep_their_order(
    server: NatsServer, writing: Open, listening: Open
):
    async with writing() as shop, listening() as post:
        await shop.record(
            event
            for n in range(100)
            for event in (OrderPlaced(order_id="a", cents=n), OrderCancelled(order_id="a"))
        )

        await post.wait_texts(
            [text for n in range(100) for text in (f"a placed {n}", "a cancelled")]
        )


async def test_who_was_away_gets_what_was_missed(
    server: NatsServer, writing: Open, listening: Open
):
    async with writing() as shop:
        async with listening() as post:
            await shop.place(["0"])
            await post.wait_texts(placed(range(1)))
        await shop.place(map(str, range(1, 700)))
        await shop.wait_published()
        async with listening() as post:
            await post.wait_texts(placed(range(700)))
            assert post.remote.asked == 0, "the stream holds all of it"
            assert post.remote._lookup.lookups > 0


async def test_a_new_handler_begins_at_the_end(server: NatsServer, writing: Open, listening: Open):
    async with writing() as shop:
        await shop.place(["old"])
        async with listening() as post:
            await shop.place(["new"])
            await post.wait_texts(placed(["new"]))


async def test_who_began_before_a_service_opened_begins_where_it_opened(
    server: NatsServer, writing: Open, listening: Open
):
    began = SystemClock().now()
    async with writing() as shop, listening() as post:
        await shop.place(["before"])
        await shop.delivery.open()
        await shop.place(["while it opens"])

        connection, stream = post.remote._line.connection, post.remote._feed.stream
        assert await ask_end(connection, stream, began) == 1
        assert await ask_end(connection, stream, SystemClock().now()) == 2
        assert await ask_end(connection, stream) == 2


async def test_private_events_never_leave(server: NatsServer, writing: Open, listening: Open):
    async with writing() as shop, listening() as post:
        await post.wait_ready()
        await shop.record([Noted(text="secret"), OrderPlaced(order_id="1", cents=1)])
        await post.wait_texts(placed(["1"]))
        await shop.record([Noted(text="secret again")])

        assert await post.remote.end() == 2
        batch = await post.remote.events(0, ["orders.Noted", "orders.OrderPlaced"], 10)
        assert (batch.messages, batch.position) == ([], 0), "they may become public"
        assert post.remote._feed.received == 1
    stored = b"".join(path.read_bytes() for path in server.storage.rglob("*") if path.is_file())
    assert b"OrderPlaced" in stored
    assert b"secret" not in stored


async def test_what_waits_for_nobody_settles(server: NatsServer, writing: Open, listening: Open):
    async with writing() as shop, listening() as post:
        await shop.place(["1"])
        await shop.record([Noted(text="private")])
        async with asyncio.timeout(10):
            assert await post.delivery.settle() is None
        assert await post.texts() == placed(["1"])
        (statistics,) = await post.delivery.statistics()
        assert statistics.lag == 0


async def test_environments_do_not_hear_each_other(
    server: NatsServer, writing: Open, listening: Open, tmp_path
):
    from tests.journal.nats import parts

    (tmp_path / "other").mkdir()
    async with (
        writing(environment="blue") as blue,
        parts.writing(tmp_path / "other", server.url, environment="green") as green,
        listening(environment="green") as post,
    ):
        await blue.place(["blue"])
        await green.place(["green"])
        await post.wait_texts(placed(["green"]))
        await wait_until(lambda: blue.relay.position == 1)
        assert await post.texts() == placed(["green"])
