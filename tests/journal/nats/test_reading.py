"""Whoever reads is given everything, from wherever it may be had."""

from __future__ import annotations

import asyncio
import contextlib
import random

import msgspec
import pytest

from outgrow.contracts import event_type
from outgrow.errors import BrokerUnreachable
from outgrow.journal import on
from outgrow.journal.messages import Message
from outgrow.journal.nats import feed as feed_room
from outgrow.journal.nats import lookup as lookup_room
from outgrow.journal.nats import relay as relay_room
from outgrow.journal.nats import source as source_room
from outgrow.journal.nats import streams
from outgrow.journal.nats.feed import PULLED_MESSAGES
from outgrow.journal.nats.window import Window
from outgrow.nats import Lost
from outgrow.store import Transaction
from tests.journal.letters import LettersService
from tests.journal.nats.conftest import Open
from tests.journal.nats.parts import PUBLIC, Differ, wait_until
from tests.journal.nats.server import NatsServer
from tests.journal.orders import Noted, OrderPlaced, Parcel, Weighed


def placed(ids, cents=1):
    return [f"{n} placed {cents}" for n in ids]


class FromBeginning(LettersService):
    @on(OrderPlaced, since="beginning")
    async def tell(self, tx: Transaction, event: OrderPlaced) -> None:
        await self._add(tx, f"{event.order_id} placed {event.cents}")


async def test_a_handler_since_the_beginning_gets_what_the_stream_holds_no_more(
    server: NatsServer, writing: Open, listening: Open, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(relay_room, "REFILLED_EVENTS_MAX", 100)
    async with writing() as shop:
        await shop.wait_published()
    server.kill()
    async with writing() as shop:
        await shop.place(map(str, range(800)))
        server.delete_storage()
        await server.start()
        await shop.wait_published()
        held = await shop.relay._stream.held(shop.broker._line.connection)
        assert held.sequence == 100
        async with listening(implementation=FromBeginning) as post:
            await post.wait_texts(placed(range(800)))
            assert post.remote.asked >= 700 / 256
            assert post.remote._lookup.lookups > 0
            await shop.place(["new"])
            await post.wait_texts(placed([*range(800), "new"]))


async def test_the_largest_events_go_through_every_way(
    server: NatsServer, writing: Open, listening: Open
):
    note = '\\"\n' * 40_000  # Half of it is escaped: about 240 KiB as JSON.
    events = [Weighed(parcels=[Parcel(grams=float(n), note=note)]) for n in range(6)]
    async with writing() as shop, listening() as post:
        await shop.record(events)
        await shop.wait_published()
        await wait_until(lambda: post.remote._feed.window.tail == 6)
        types = ["orders.Weighed"]
        window = await post.remote.events(0, types, 10)
        looked_up = await post.remote._lookup.read(post.broker._line.connection, 0, types, 10)
        read = []
        post.remote._feed.window.begin(6)
        post.remote._lookup.read = _nothing
        while len(read) < 6:
            batch = await post.remote.events(read[-1].position if read else 0, types, 10)
            assert batch.messages
            read += batch.messages
        batch = await shop.delivery.journals["orders"].events(0, types, 10)
        assert window.messages == looked_up.messages == read == batch.messages


async def _nothing(*_):
    return None


async def test_the_largest_key_goes_through(server: NatsServer, writing: Open, listening: Open):
    key = "½" * 240  # The letter that tells of it is a key too, and longer.
    async with writing() as shop, listening() as post:
        await shop.place([key])
        await post.wait_texts(placed([key]))


async def test_a_new_handler_is_told_when_nobody_says_where_it_begins(
    server: NatsServer, listening: Open, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(source_room, "START_SECONDS_MAX", 0.3)
    with pytest.raises(BrokerUnreachable, match="hosts 'orders' did not tell within 0.3 s"):
        async with listening():
            pass


async def test_a_new_handler_waits_for_a_source_that_starts_later(
    server: NatsServer, writing: Open, listening: Open
):
    opening = listening()
    waiting = opening.__aenter__()
    async with asyncio.TaskGroup() as group:
        task = group.create_task(waiting)
        await wait_until(lambda: not task.done())
        async with writing() as shop:
            post = await task
            await shop.place(["1"])
            await post.wait_texts(placed(["1"]))
            await opening.__aexit__(None, None, None)


async def test_what_is_not_there_to_be_read_is_said_once(
    server: NatsServer, writing: Open, listening: Open, caplog: pytest.LogCaptureFixture
):
    async with writing() as shop:
        async with listening():
            pass
        connection = shop.broker._line.connection
        await shop.place(["1", "2"])
        await shop.wait_published()
        await connection.ask_server("STREAM.MSG.DELETE.shop-test-orders", seq=1)
    async with listening() as post:
        await wait_until(lambda: "neither in the stream" in caplog.text)
        with pytest.raises(Differ):
            await post.wait_texts(placed(["1", "2"]), 0.5)
        async with writing():
            await post.wait_texts(placed(["1", "2"]))
    told = [record for record in caplog.records if "neither in the stream" in record.message]
    assert len(told) == 1


async def test_statistics_tell_how_far_everything_is(
    server: NatsServer, writing: Open, listening: Open
):
    async with writing() as shop, listening() as post:
        await post.wait_ready()
        await shop.place(map(str, range(10)))
        await post.wait_texts(placed(range(10)))
        ours = await shop.broker.statistics()
        theirs = await post.broker.statistics()
    relay = ours["relays"]["orders"]
    assert (relay["published"], relay["sequence"], relay["position"]) == (10, 10, 10)
    assert (relay["lag"], relay["rewinds"]) == (0, 0)
    assert relay["epoch"]
    feed = theirs["feeds"]["orders"]
    assert (feed["received"], feed["position"]) == (10, 10)
    assert feed["opened"] == 1
    assert ours["broker"]["is_connected"]
    assert ours["limits"]["window_messages_max"] == 8192


async def test_more_than_one_request_brings_is_read_without_opening_the_stream_again(
    server: NatsServer, writing: Open, listening: Open
):
    async with writing() as shop, listening() as post:
        await shop.place(map(str, range(3 * PULLED_MESSAGES)))
        await post.wait_texts(placed(range(3 * PULLED_MESSAGES)))
        feed = (await post.broker.statistics())["feeds"]["orders"]

    assert feed["opened"] == 1


async def test_a_hosted_service_is_read_from_its_journal_and_a_strange_one_not_at_all(
    server: NatsServer, writing: Open
):
    async with writing() as shop:
        assert shop.broker.source("orders") is shop.delivery.journals["orders"]
        assert shop.broker.source("nobody") is None
        assert shop.broker.source("letters") is shop.broker.source("letters") is not None


def message(position: int, kind: str = "orders.OrderPlaced") -> Message:
    return Message(
        position, "", "event", kind, 1, None, None, 0, None, "", "", "{}", None, "", "{}"
    )


def test_a_window_never_lets_anybody_read_over_a_hole():
    """Against a list of all events that were ever published, in any order of repeats and losses."""
    for seed in range(200):
        chance = random.Random(seed)
        window = Window(messages_max=chance.choice([1, 3, 50]), bytes_max=chance.choice([40, 1000]))
        positions = sorted(chance.sample(range(1, 400), 120))
        window.begin(chance.choice([None, 0, positions[10]]))
        at = 0
        for _ in range(300):
            at = max(min(at + chance.choice([1, 1, 1, 1, 2, -5]), len(positions) - 1), 0)
            window.add(message(positions[at]), positions[at - 1] if at else 0, 10)
            after = chance.choice([0, *positions])
            if not window.covers(after):
                continue
            limit = chance.choice([1, 5, 1000])
            found, position = window.read(after, PUBLIC, limit)
            expected = [p for p in positions if after < p <= window.tail][:limit]
            assert [m.position for m in found] == expected
            assert position == (expected[-1] if len(expected) == limit else max(window.tail, after))
        assert len(window) <= window.messages_max
        assert window.payload_bytes <= window.bytes_max


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ("max_payload: 100000", "set max_payload in its configuration"),
        ("", "start it with -js"),
        ("authorization { user: a, password: b }", "uthorization"),
    ],
)
async def test_a_server_that_cannot_be_used_is_told_of_and_tried_again(
    writing: Open, stopped: NatsServer, caplog, options: str, text: str
):
    stopped._options = options
    stopped.has_jetstream = bool(options)
    await stopped.start()
    async with writing() as shop:
        await shop.place(["1"])
        await wait_until(lambda: text in caplog.text)
        stopped.kill()
        stopped._options, stopped.has_jetstream = "", True
        await stopped.start()
        await shop.wait_published()


async def test_a_stream_of_somebody_else_is_left_alone(
    server: NatsServer, writing: Open, caplog: pytest.LogCaptureFixture
):
    async with writing(environment="other") as shop:
        connection = shop.broker._line.connection or await shop.broker._line.connected()
        await connection.ask_server(
            "STREAM.CREATE.shop-test-orders", name="shop-test-orders", subjects=["theirs"]
        )
    async with writing() as shop:
        await shop.place(["1"])
        await wait_until(lambda: "does not belong to this application" in caplog.text)
        connection = await shop.broker._line.connected()
        await connection.ask_server("STREAM.DELETE.shop-test-orders")
        await shop.wait_published()


async def test_a_stream_is_given_the_limits_it_should_have(server: NatsServer, writing: Open):
    async with writing() as shop:
        await shop.place(["1"])
        await shop.wait_published()
        connection = shop.broker._line.connection
        info = await connection.ask_server("STREAM.INFO.shop-test-orders")
        config = info["config"] | {"max_msgs": 5, "num_replicas": 1}
        await connection.ask_server("STREAM.UPDATE.shop-test-orders", **config)
    async with writing() as shop:
        await shop.wait_published()
        info = await shop.broker._line.connection.ask_server("STREAM.INFO.shop-test-orders")
    assert info["config"]["max_msgs"] == 1_000_000
    assert info["config"]["max_age"] == 7 * 24 * 3600 * 10**9
    assert info["state"]["messages"] == 1


async def test_a_stream_that_takes_too_much_forgets_its_beginning(
    server: NatsServer, writing: Open, listening: Open, monkeypatch: pytest.MonkeyPatch
):
    async with writing() as shop:
        await shop.place(map(str, range(100)))
        await shop.wait_published()
    monkeypatch.setattr(streams, "STREAM_BYTES_MAX", 1000)
    async with writing() as shop:
        await shop.wait_published()
        connection = shop.broker._line.connection
        await wait_until(lambda: first_is(shop, connection, 11))
        async with listening(implementation=FromBeginning) as post:
            await post.wait_texts(placed(range(100)))


async def first_is(shop, connection, sequence):
    return (await shop.relay._stream.held(connection)).first == sequence


async def test_what_cannot_be_read_is_told_and_asked_for(
    server: NatsServer, writing: Open, listening: Open, caplog: pytest.LogCaptureFixture
):
    async with writing() as shop, listening() as post:
        await shop.place(["1"])
        await post.wait_texts(placed(["1"]))
        connection = shop.broker._line.connection
        await connection.publish("shop.test.orders.1.OrderPlaced", b"by hand")
        await wait_until(lambda: "could not be taken" in caplog.text)
        await shop.place(["2"])
        await post.wait_texts(placed(["1", "2"]))


class Noting(LettersService):
    @on(Noted, since="beginning")
    async def tell_note(self, tx: Transaction, event: Noted) -> None:
        await self._add(tx, f"note {event.text}")


NOTED = event_type(Noted)


@pytest.mark.parametrize("order", ["source first", "reader first"])
async def test_events_that_become_public_later_are_read_from_behind_what_the_stream_held(
    server: NatsServer, writing: Open, listening: Open, order: str
):
    async with writing() as shop:
        await shop.record([OrderPlaced(order_id="1", cents=1), Noted(text="old")])
        await shop.place(["2"])
        await shop.wait_published()
    async with contextlib.AsyncExitStack() as stack:
        if order == "reader first":
            # The process that hosts the service is not replaced yet.
            async with writing(), listening(implementation=Noting) as post:
                await wait_until(lambda: post.remote.asked)
                assert await post.texts() == []
        shop = await stack.enter_async_context(writing(public=PUBLIC | {NOTED}))
        post = await stack.enter_async_context(listening(implementation=Noting))
        await shop.record([Noted(text="new")])
        await post.wait_texts(["note old", "note new"])


async def test_a_stream_is_made_anew_if_and_only_if_other_events_are_public(
    server: NatsServer, writing: Open
):
    epochs = []
    for public in (PUBLIC, PUBLIC, PUBLIC | {NOTED}, PUBLIC):
        async with writing(public=public) as shop:
            await shop.wait_published()
            epochs.append(shop.relay.statistics(0)["epoch"])
    assert epochs[0] == epochs[1]
    assert len(set(epochs)) == 3


async def test_a_stream_that_says_nothing_of_types_is_made_anew_once(
    server: NatsServer, writing: Open
):
    async with writing() as shop:
        await shop.place(["1"])
        await shop.wait_published()
        epoch = shop.relay.statistics(0)["epoch"]
        connection = shop.broker._line.connection
        config = (await connection.ask_server("STREAM.INFO.shop-test-orders"))["config"]
        del config["metadata"]["outgrow.types"]
        await connection.ask_server("STREAM.UPDATE.shop-test-orders", **config)
    for _ in range(2):
        async with writing() as shop:
            await shop.wait_published()
            assert shop.relay.statistics(0)["epoch"] != epoch
            held = await shop.relay._stream.held(shop.broker._line.connection)
            assert (held.sequence, held.types) == (1, PUBLIC)


async def test_many_large_events_are_fetched_in_portions(
    server: NatsServer, writing: Open, listening: Open, monkeypatch: pytest.MonkeyPatch
):
    portion = 1024 * 1024
    monkeypatch.setattr(lookup_room, "LOOKED_UP_BYTES_MAX", portion)
    monkeypatch.setattr(feed_room, "PULLED_BYTES", portion)
    monkeypatch.setattr(relay_room, "WINDOW_BYTES", portion)
    note = "n" * 200_000
    events = [Weighed(parcels=[Parcel(grams=float(n), note=note)]) for n in range(30)]
    types = ["orders.Weighed"]
    async with writing() as shop, listening() as post:
        await wait_until(lambda: post.remote._feed.opened == 1)
        await shop.record(events)
        await wait_until(lambda: post.remote._feed.window.tail == 30)
        assert post.remote._feed.received == 30
        assert post.remote._feed.opened == 1, "that a portion ended is nothing wrong"
        read = []
        while len(read) < 30:
            after = read[-1].position if read else 0
            batch = await post.remote._lookup.read(post.broker._line.connection, after, types, 256)
            assert sum(len(message.body) for message in batch.messages) <= portion + 201_000
            read += batch.messages
        assert read == (await shop.delivery.journals["orders"].events(0, types, 30)).messages


async def test_windows_of_large_events_are_small():
    large = [msgspec.structs.replace(message(n), body="x" * 1000) for n in range(1, 8)]
    found = list(relay_room.windows(large, 2500))
    assert [[m.position for m in window] for window in found] == [[1, 2], [3, 4], [5, 6], [7]]
    assert [len(window) for window in relay_room.windows(large, 10)] == [1] * 7
    assert list(relay_room.windows([], 10)) == []


async def test_a_lost_connection_is_named_as_the_reason(
    server: NatsServer, writing: Open, listening: Open, caplog: pytest.LogCaptureFixture
):
    async with writing(), listening() as post:
        post.remote._missed_since = 0.0  # It has been away for a while.
        post.remote._missed(7, Lost())
        assert "(the connection was lost)" in caplog.text
