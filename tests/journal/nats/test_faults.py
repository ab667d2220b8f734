"""Whatever happens to the server and to the other process: nothing is lost, doubled or swapped."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import msgspec
import pytest

from outgrow.clock import SystemClock
from outgrow.journal.nats import relay as relay_room
from outgrow.nats import NoAnswer
from tests.journal.nats import parts
from tests.journal.nats.conftest import Open
from tests.journal.nats.parts import Writing, by_key, wait_until
from tests.journal.nats.server import NatsServer


def placed(ids, cents=1):
    return [f"{n} placed {cents}" for n in ids]


async def place_slowly(shop: Writing, count: int) -> None:
    clock = SystemClock()
    for n in range(count):
        await shop.place([str(n)])
        await clock.sleep(0.001)


async def test_the_server_is_killed_while_others_go_on(
    server: NatsServer, writing: Open, listening: Open
):
    async with writing() as shop, listening() as post, asyncio.TaskGroup() as group:
        group.create_task(place_slowly(shop, 1000))
        for _ in range(3):
            heard = len(await post.texts())
            await wait_until(lambda n=heard: _has_more(post, n))
            server.kill()
            await server.start()
        await post.wait_texts(placed(range(1000)))


async def _has_more(post, count):
    return len(await post.texts()) > count


async def test_events_that_were_recorded_while_the_server_was_away_arrive(
    server: NatsServer, writing: Open, listening: Open
):
    async with writing() as shop, listening() as post:
        await shop.place(["0"])
        await post.wait_texts(placed(range(1)))
        server.kill()
        await wait_until(lambda: shop.broker._line.connection is None)
        await shop.place(map(str, range(1, 500)))
        await server.start()
        await post.wait_texts(placed(range(500)))


async def test_a_server_that_forgot_everything_has_lost_nothing(
    server: NatsServer, writing: Open, listening: Open
):
    async with writing() as shop:
        async with listening() as post:
            await shop.place(map(str, range(300)))
            await post.wait_texts(placed(range(300)))
        await shop.place(map(str, range(300, 600)))
        await shop.wait_published()
        server.kill()
        server.delete_storage()
        await shop.place(map(str, range(600, 700)))
        await server.start()
        async with listening() as post:
            await post.wait_texts(placed(range(700)))


async def test_both_sides_are_there_when_the_server_forgets_everything(
    server: NatsServer, writing: Open, listening: Open
):
    async with writing() as shop, listening() as post:
        await shop.place(map(str, range(300)))
        await post.wait_texts(placed(range(300)))
        server.kill()
        server.delete_storage()
        await shop.place(map(str, range(300, 600)))
        await server.start()
        await post.wait_texts(placed(range(600)))
        await shop.place(["more"])
        await post.wait_texts(placed([*range(600), "more"]))


async def lose_the_tail(server: NatsServer, writing: Open, listening: Open, copy: Path):
    """The stream forgets what nobody but it and the journal know, and then nothing happens."""
    async with AsyncExitStack() as stack:
        shop = await stack.enter_async_context(writing())
        async with listening() as post:
            await shop.place(["0"])
            await post.wait_texts(placed(range(1)))
        await shop.wait_published()
        server.end()
        server.copy_storage(copy)
        await server.start()
        await shop.place(map(str, range(1, 50)))
        await shop.wait_published()
        server.kill()
        server.replace_storage(copy)
        await server.start()
        post = await stack.enter_async_context(listening())
        yield post


async def test_a_stream_that_lost_its_end_gets_it_again_though_nothing_else_happens(
    server: NatsServer, writing: Open, listening: Open, tmp_path: Path
):
    async for post in lose_the_tail(server, writing, listening, tmp_path / "copy"):
        await post.wait_texts(placed(range(50)))


async def test_a_lost_acknowledgement_doubles_nothing(
    server: NatsServer, writing: Open, listening: Open, monkeypatch: pytest.MonkeyPatch
):
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
        await post.wait_ready()
        for start in range(0, 500, 50):
            await shop.place(map(str, range(start, start + 50)))
            await wait_until(lambda n=start: _has_more(post, n))
        await post.wait_texts(placed(range(500)))
        assert lost > 2
        assert post.remote._feed.received == 500, "nothing was published twice"


async def test_a_server_that_comes_late_is_waited_for(
    stopped: NatsServer, writing: Open, listening: Open, caplog: pytest.LogCaptureFixture
):
    async with writing() as shop:
        await shop.place(["before"])
        await wait_until(lambda: caplog.records)
        assert stopped.url in caplog.text
        assert "Calls are answered and events are recorded" in caplog.text
        async with asyncio.TaskGroup() as group:
            group.create_task(stopped.start())
            post = listening()
            running = await post.__aenter__()
        await shop.place(["after"])
        await running.wait_texts(placed(["after"]))
        await post.__aexit__(None, None, None)


async def test_a_handler_that_exists_starts_without_server_and_source(
    server: NatsServer, writing: Open, listening: Open
):
    async with writing() as shop:
        async with listening() as post:
            await shop.place(["0"])
            await post.wait_texts(placed(range(1)))
        await shop.place(["1"])
        await shop.wait_published()
    server.kill()
    async with listening() as post:
        await server.start()
        await post.wait_texts(placed(range(2)))
        async with writing() as shop:
            await shop.place(["2"])
            await post.wait_texts(placed(range(3)))


async def test_what_the_broker_holds_arrives_without_the_process_that_recorded_it(
    server: NatsServer, writing: Open, listening: Open
):
    async with writing() as shop:
        async with listening() as post:
            await shop.place(["0"])
            await post.wait_texts(placed(range(1)))
        await shop.place(map(str, range(1, 600)))
        await shop.wait_published()
    async with listening() as post:
        await post.wait_texts(placed(range(600)))


async def test_a_frozen_server_is_waited_for(server: NatsServer, writing: Open, listening: Open):
    async with writing() as shop, listening() as post:
        await shop.place(["0"])
        await post.wait_texts(placed(range(1)))
        server.freeze()
        await shop.place(map(str, range(1, 300)))
        await wait_until(lambda: shop.broker._line.connection is None)
        await shop.place(map(str, range(300, 600)))
        server.thaw()
        await post.wait_texts(placed(range(600)))


@pytest.mark.parametrize("what", ["DELETE", "PURGE"])
async def test_a_stream_that_an_operator_empties_is_filled_again(
    server: NatsServer, writing: Open, listening: Open, what: str
):
    async with writing() as shop:
        async with listening() as post:
            await shop.place(["0"])
            await post.wait_texts(placed(range(1)))
        await shop.place(map(str, range(1, 50)))
        await shop.wait_published()
        await shop.broker._line.connection.ask_server(f"STREAM.{what}.shop-test-orders")
        await wait_until(lambda: shop.relay.rewinds == 1)
        await shop.wait_published()
    async with listening() as post:
        await post.wait_texts(placed(range(50)))


async def test_what_an_operator_purges_is_read_from_the_journal(
    server: NatsServer, writing: Open, listening: Open
):
    async with writing() as shop:
        async with listening() as post:
            await shop.place(["0"])
            await post.wait_texts(placed(range(1)))
        await shop.place(map(str, range(1, 50)))
        await shop.wait_published()
        connection = shop.broker._line.connection
        await connection.ask_server("STREAM.PURGE.shop-test-orders")
        async with listening() as post:
            await post.wait_texts(placed(range(50)))
            await shop.place(["50"])
            await post.wait_texts(placed(range(51)))
            assert post.remote.asked > 0


async def test_a_hole_in_the_stream_is_read_from_the_journal(
    server: NatsServer, writing: Open, listening: Open
):
    async with writing() as shop:
        async with listening() as post:
            await shop.place(["0"])
            await post.wait_texts(placed(range(1)))
        await shop.place(map(str, range(1, 50)))
        await shop.wait_published()
        connection = shop.broker._line.connection
        await connection.ask_server("STREAM.MSG.DELETE.shop-test-orders", seq=20)
        async with listening() as post:
            await post.wait_texts(placed(range(50)))
            assert post.remote.asked > 0


@pytest.mark.parametrize("count", [1, 3])
async def test_a_deleted_end_of_the_stream_is_published_again_at_once(
    server: NatsServer, writing: Open, listening: Open, count: int
):
    async with writing() as shop:
        async with listening() as post:
            await shop.place(["0"])
            await post.wait_texts(placed(range(1)))
        await shop.place(map(str, range(1, 10)))
        await shop.wait_published()
        connection = shop.broker._line.connection
        for sequence in range(11 - count, 11):
            await connection.ask_server("STREAM.MSG.DELETE.shop-test-orders", seq=sequence)
    async with writing() as shop, listening() as post:
        # JetStream knows the ids of what was deleted for two minutes.
        await shop.place(["10"])
        await post.wait_texts(placed(range(11)), 5)
        await shop.wait_published()
        held = await shop.relay._stream.held(shop.broker._line.connection)
        assert held.last.position == 11


async def test_a_relay_that_gets_nowhere_slows_down_and_says_so(
    server: NatsServer, writing: Open, monkeypatch: pytest.MonkeyPatch, caplog
):
    monkeypatch.setattr(relay_room, "message_id", lambda *_: "always the same")
    monkeypatch.setattr(relay_room, "RECOVER_SECONDS", 0.05)
    async with writing() as shop:
        await shop.place(["1"])
        await shop.wait_published()
        await shop.place(["2"])
        await wait_until(lambda: "does not come to stand in the stream" in caplog.text)


async def test_a_handler_that_is_slower_than_the_window_misses_nothing(
    server: NatsServer, writing: Open, listening: Open
):
    async with writing() as shop, listening() as post:
        window = post.remote._feed.window
        window.messages_max = 16
        for start in range(0, 2000, 100):
            await shop.place(map(str, range(start, start + 100)))
        await post.wait_texts(placed(range(2000)))
        assert len(window) <= 16


async def test_two_relays_of_one_journal_publish_each_event_once(
    server: NatsServer, writing: Open, listening: Open
):
    async with writing() as shop, listening() as post, asyncio.TaskGroup() as group:
        second = relay_room.Relay(
            shop.relay._journal, shop.relay._types, shop.relay._stream, shop.broker._line
        )
        task = group.create_task(second.run())
        await place_slowly(shop, 300)
        await post.wait_texts(placed(range(300)))
        task.cancel()
        held = await shop.relay._stream.held(shop.broker._line.connection)
        assert held.sequence == 300


async def test_a_store_that_was_replaced_makes_the_stream_anew(
    server: NatsServer,
    writing: Open,
    empty_store: Callable[[str], Awaitable[None]],
    caplog: pytest.LogCaptureFixture,
):
    async with writing() as shop:
        await shop.place(["old", "older"])
        await shop.wait_published()
        epoch = shop.relay.statistics(0)["epoch"]
    await empty_store("orders")
    async with writing() as shop:
        await shop.place(["new"])
        await shop.wait_published()
        assert shop.relay.statistics(0)["epoch"] != epoch
        assert "the store was replaced" in caplog.text
        held = await shop.relay._stream.held(shop.broker._line.connection)
        assert held.last.body == msgspec.Raw(b'{"order_id":"new","cents":1}')


async def test_two_installations_of_one_name_leave_each_other_alone(
    server: NatsServer, writing: Open, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    other = tmp_path / "other"
    other.mkdir()
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        shop = await enter(writing())
        await shop.place(["ours"])
        await shop.wait_published()
        held = await shop.relay._stream.held(shop.broker._line.connection)
        theirs = await enter(parts.writing(other, server.url, installation="there"))
        post = await enter(parts.listening(other, server.url, installation="there"))
        own_post = await enter(parts.listening(tmp_path, server.url))
        await wait_until(lambda: caplog.text.count("belongs to another installation") >= 2)
        assert "Give one of the two another environment" in caplog.text
        await theirs.place(["theirs", "more"])
        # Without a stream of its own, it reads the journal.
        await post.wait_texts(placed(["theirs", "more"]))
        await shop.place(["still ours"])
        await own_post.wait_texts(placed(["still ours"]))
        after = await shop.relay._stream.held(shop.broker._line.connection)
        assert (after.epoch, after.sequence) == (held.epoch, 2)

        await shop.broker._line.connection.ask_server("STREAM.DELETE.shop-test-orders")
        await wait_until(lambda: shop.relay.rewinds or theirs.relay.position)
        assert by_key(await post.texts()) == by_key(placed(["theirs", "more"]))
