"""The directory over NATS beside what every directory does: its bucket, its words, its economy."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import msgspec
import pytest
from nats.aio.client import Client
from nats.errors import Error

from outgrow.clock import SystemClock
from outgrow.context import new_id
from outgrow.discovery import Endpoint, keeping
from outgrow.discovery.nats import NatsDirectory, nats_directory
from outgrow.discovery.nats.bucket import BUCKET_BYTES_MAX, Bucket, Entry, Snapshot
from outgrow.discovery.nats.watched import Watched
from tests.discovery.nats.places import APPLICATION, NatsPlace, nats_place

STREAM = f"KV_outgrow-{APPLICATION}"


def endpoint(instance: str, service: str = "orders", address: str | None = None) -> Endpoint:
    return Endpoint(
        service=service,
        address=address or f"unix:/run/{instance}",
        process="back",
        instance=instance,
    )


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as stack:
        yield stack


@pytest.fixture
async def place(stack: AsyncExitStack) -> NatsPlace:
    return await stack.enter_async_context(nats_place())


@pytest.fixture
async def operator(stack: AsyncExitStack, place: NatsPlace) -> Client:
    """Somebody else at the same server, by its own port."""
    client = Client()
    await client.connect(place.server.url)
    stack.push_async_callback(client.close)
    return client


@pytest.fixture
def environment() -> str:
    return f"e{new_id().replace('-', '')}"


async def ask(client: Client, subject: str, **fields: object) -> dict[str, object]:
    reply = await client.request(f"$JS.API.{subject}", json.dumps(fields).encode(), timeout=10)
    return json.loads(reply.data)


async def until(holds, seconds: float = 20.0):
    """What *holds* gives, as soon as that is true."""
    clock = SystemClock()
    async with asyncio.timeout(seconds):
        while True:
            found = await holds()
            if found:
                return found
            await clock.sleep(0.01)


async def instances(directory: NatsDirectory) -> list[str]:
    return [one.instance for one in (await directory.resolve("orders")).endpoints]


# The bucket


async def test_its_limits_are_told_to_the_server(place, operator, environment):
    async with place.open(environment, ()) as directory:
        await directory.register([endpoint("a")])
        config = (await ask(operator, f"STREAM.INFO.{STREAM}"))["config"]

    assert config["storage"] == "memory"
    assert config["max_msgs_per_subject"] == 1
    assert config["max_bytes"] == BUCKET_BYTES_MAX


async def test_an_operator_may_keep_it_in_files_and_outgrow_gives_it_its_limits(
    place, operator, environment
):
    await ask(operator, f"STREAM.DELETE.{STREAM}")
    made = {"name": STREAM, "subjects": [f"$KV.outgrow-{APPLICATION}.>"], "storage": "file"}
    await ask(operator, f"STREAM.CREATE.{STREAM}", **made, max_msgs_per_subject=1)
    try:
        async with place.open(environment, ()) as directory:
            await directory.register([endpoint("a")])
            assert await instances(directory) == ["a"]
            config = (await ask(operator, f"STREAM.INFO.{STREAM}"))["config"]
    finally:
        await ask(operator, f"STREAM.DELETE.{STREAM}")

    assert config["storage"] == "file"
    assert config["max_bytes"] == BUCKET_BYTES_MAX
    assert config["allow_msg_ttl"] is True


async def test_a_bucket_that_is_deleted_is_made_again_at_the_next_renewal(
    place, operator, environment
):
    async with place.open(environment, ()) as directory, place.open(environment, ()) as reader:
        await directory.register([endpoint("a")])
        watch = reader.watch("orders")
        assert [one.instance for one in (await anext(watch)).endpoints] == ["a"]
        await ask(operator, f"STREAM.DELETE.{STREAM}")

        await directory.renew()
        await directory.register([endpoint("a"), endpoint("b")])

        async def told() -> bool:
            return [one.instance for one in (await anext(watch)).endpoints] == ["a", "b"]

        await until(told)
        await watch.aclose()


async def test_what_others_write_into_it_harms_nobody(place, operator, environment):
    prefix = f"$KV.outgrow-{APPLICATION}.{environment}"
    async with place.open(environment, ()) as directory, place.open(environment, ()) as reader:
        await directory.register([endpoint("a")])
        watch = reader.watch("orders")
        await anext(watch)
        for key, value in {
            "endpoint.orders.x.0": b"no json",
            "endpoint.orders.x.1": b'{"service": 1}',
            "endpoint.orders.x": b"{}",
            "endpoint.orders.x.y.z": b"{}",
            "other": b"",
            "endpoint.orders": b"",
            "endpoint.orders.z.0": msgspec.json.encode(endpoint("z", "gossip")),
        }.items():
            await operator.request(f"{prefix}.{key}", value, timeout=10)
        told_of = f"outgrow.directory.{APPLICATION}.{environment}.orders.x"
        await operator.publish(told_of, b"junk")
        await operator.publish(
            told_of, b"junk", headers={"Nats-Subject": "x", "Nats-Sequence": "1"}
        )
        await directory.register([endpoint("a"), endpoint("b")])

        told = await anext(watch)
        await watch.aclose()
        assert [one.instance for one in told.endpoints] == ["a", "b"]
        assert await instances(reader) == ["a", "b"]


async def test_what_is_known_is_taken_at_once_if_the_server_was_never_there(
    place, environment, monkeypatch
):
    monkeypatch.setattr("outgrow.discovery.nats.directory.ANSWER_SECONDS_MAX", 1_000)
    await place.go_away()
    async with place.open(environment, [endpoint("a")]) as directory, asyncio.timeout(20):
        watch = directory.watch("orders")
        told = await anext(watch)
        assert [one.instance for one in told.endpoints] == ["a"]
        assert told.is_stale
        assert await directory.resolve("orders") == told
        await directory.register([endpoint("b")])

        await place.come_back()
        while "b" not in [one.instance for one in told.endpoints] or told.is_stale:
            told = await anext(watch)
        await watch.aclose()


async def test_a_server_that_is_too_old_is_said_to_be(place):
    class Old:
        async def ask_server(self, subject: str, **fields: object) -> dict[str, object]:
            return {"config": {key: fields[key] for key in fields if key != "allow_msg_ttl"}}

    with pytest.raises(Error, match=r"older than 2\.11"):
        await Bucket("shop", "local").declare(Old())  # type: ignore[arg-type]


async def test_a_server_that_stood_still_for_longer_than_a_lease_has_lost_nobody(
    place, environment
):
    told: list[list[str]] = []

    async def note(directory: NatsDirectory) -> None:
        async for resolution in directory.watch("orders"):
            told.append([one.instance for one in resolution.endpoints])  # noqa: PERF401 - as it comes

    async with AsyncExitStack() as stack, asyncio.TaskGroup() as tasks:
        for name in ("a", "b"):
            directory = await stack.enter_async_context(place.open(environment, ()))
            await stack.enter_async_context(keeping(directory, [endpoint(name)], seconds=0.25))
        noting = tasks.create_task(note(directory))

        async def both() -> bool:
            return told[-1:] == [["a", "b"]]

        await until(both)
        told.clear()
        place.server.freeze()
        try:
            await SystemClock().sleep(1.5)
        finally:
            place.server.thaw()
        await SystemClock().sleep(1.2)  # Who is taken out now is told.
        noting.cancel()

    assert all(names == ["a", "b"] for names in told)


# Economy


async def test_of_many_processes_hardly_more_than_one_looks_for_the_dead(place, environment):
    async with AsyncExitStack() as stack:
        directories = [
            await stack.enter_async_context(place.open(environment, ())) for _ in range(12)
        ]
        looks: list[int] = []

        async def one_looked_often() -> bool:
            looks[:] = [one.statistics()["looking"]["looks"] for one in directories]
            return max(looks) >= 5

        await until(one_looked_often)

    assert sum(looks) <= 30, "each by itself would have looked as often as that one: sixty in all"


async def test_a_process_that_is_killed_leaves_nothing_in_environments_that_nobody_uses(
    place, operator, environment
):
    async with place.open(environment, ()) as directory:
        await directory.register([endpoint("a")])
        bucket = f"$KV.outgrow-{APPLICATION}.{environment}.endpoint.>"

    async def is_gone() -> bool:
        request = {"multi_last": [bucket]}
        reply = await operator.request(
            f"$JS.API.DIRECT.GET.{STREAM}", json.dumps(request).encode(), timeout=10
        )
        return "KV-Operation" in (reply.headers or {})

    assert not await is_gone()
    async with place.open(f"{environment}other", ()):
        assert await until(is_gone)


async def test_a_renewal_is_one_message_however_many_endpoints_there_are(place, environment):
    async with place.open(environment, ()) as directory:
        await directory.register([endpoint("a", f"service{n}") for n in range(50)])
        before = directory.statistics()["registered"]
        for _ in range(5):
            await directory.renew()
        after = directory.statistics()["registered"]

    assert before["registrations"] == after["registrations"] == 1
    # It is renewed once when the connection is made, too.
    assert after["renewals"] - before["renewals"] in {5, 6}


# Words


async def test_that_it_is_away_is_said_once_with_what_holds(
    place, environment, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.INFO, "outgrow.nats")
    async with place.open(environment, ()) as directory:
        await directory.register([endpoint("a")])
        await place.go_away()

        async def said() -> bool:
            return any(r.levelname == "WARNING" for r in caplog.records)

        await until(said)
        for _ in range(3):
            await directory.renew()
        await place.come_back()

        async def is_back() -> bool:
            return any("the directory is asked again" in r.getMessage() for r in caplog.records)

        await until(is_back)

    (warning,) = [r.getMessage() for r in caplog.records if r.levelname == "WARNING"]
    assert "Processes call each other where they were last" in warning


async def test_secrets_of_the_url_stand_in_no_statistics(place, environment):
    url = place.gate.url.replace("nats://", "nats://ann:secret@")
    async with nats_directory(url, APPLICATION, environment) as directory:
        await directory.register([endpoint("a")])

        assert "secret" not in json.dumps(directory.statistics())


# What one process knows


def test_what_a_snapshot_lacks_is_held_for_a_lease_and_what_has_left_is_not():
    async def story() -> None:
        watched = Watched("orders", [], SystemClock(), 0.05)
        watched.watchers = 1
        a, b = Entry("l1.0", 5, endpoint("a")), Entry("l2.0", 6, endpoint("b"))
        watched.begin()
        watched.snapshot(Snapshot(entries={e.key: e for e in (a, b)}, sequence=6))

        watched.begin()
        watched.snapshot(Snapshot(entries={"l1.0": Entry("l1.0", 9, None)}, sequence=9))

        assert [one.instance for one in watched.resolution().endpoints] == ["b"]
        changed = asyncio.Event()
        watched.listen(changed.set)
        await asyncio.wait_for(changed.wait(), 10)
        assert watched.resolution().endpoints == ()

    asyncio.run(story())


def test_what_was_told_while_a_snapshot_was_asked_for_is_newer_than_it_or_in_it():
    watched = Watched("orders", [], SystemClock(), 60)
    watched.watchers = 1
    a, b = Entry("l1.0", 5, endpoint("a")), Entry("l2.0", 6, endpoint("b"))
    watched.begin()
    assert watched.take(Entry("l1.0", 7, None))
    assert watched.take(Entry("l3.0", 8, endpoint("c")))
    watched.snapshot(Snapshot(entries={"l2.0": b, "l1.0": Entry("l1.0", 7, None)}, sequence=7))

    assert [one.instance for one in watched.resolution().endpoints] == ["b", "c"]
    assert not watched.take(a), "a bucket that counts from the beginning is another one"
    assert watched.take(Entry("l2.0", 9, None))
    assert [one.instance for one in watched.resolution().endpoints] == ["c"]


def test_at_one_address_the_last_that_was_said_counts_before_what_is_only_held():
    async def story() -> None:
        known = [endpoint("seat", address="unix:/a")]
        watched = Watched("orders", known, SystemClock(), 60)
        watched.watchers = 1
        assert watched.resolution().is_stale
        assert [one.instance for one in watched.resolution().endpoints] == ["seat"]
        watched.begin()
        entry = Entry("l1.0", 3, endpoint("run", address="unix:/a"))
        watched.snapshot(Snapshot(entries={"l1.0": entry}, sequence=3))

        assert [one.instance for one in watched.resolution().endpoints] == ["run"]
        assert watched.take(Entry("l1.0", 4, None))
        assert watched.resolution().endpoints == (), "nobody comes back to where another one left"

    asyncio.run(story())
