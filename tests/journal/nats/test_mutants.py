"""Each safeguard is missed when it is removed; otherwise the tests beside this prove nothing."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from outgrow.journal.consumers.consumer import Consumer
from outgrow.journal.consumers.subscription import Subscription
from outgrow.journal.nats import relay as relay_room
from outgrow.journal.nats.relay import VERIFY_SECONDS, Relay
from tests.journal.nats import test_faults
from tests.journal.nats.conftest import Open
from tests.journal.nats.parts import Differ, wait_until
from tests.journal.nats.server import NatsServer

ENOUGH_SECONDS = 1.5
"""Well above what the right code needs."""


async def killed_in_its_first_handler(
    server: NatsServer, writing: Open, listening: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever listens ends between taking what arrived and committing its effect."""
    async with writing() as shop:
        async with listening():
            pass
        with monkeypatch.context() as patch:
            is_hit = False

            async def end_there(*_):
                nonlocal is_hit
                is_hit = True
                raise RuntimeError("ended here")

            patch.setattr(Subscription, "_take", end_there)
            async with listening():
                await shop.place(["0"])
                await wait_until(lambda: is_hit)
        await shop.place(["1"])
        post = listening()
        running = await post.__aenter__()
        try:
            await running.wait_texts(test_faults.placed(range(2)), ENOUGH_SECONDS)
        finally:
            await post.__aexit__(None, None, None)


async def test_what_was_under_way_at_the_end_is_not_lost(
    server: NatsServer, writing: Open, listening: Open, monkeypatch: pytest.MonkeyPatch
):
    await killed_in_its_first_handler(server, writing, listening, monkeypatch)


async def test_an_acknowledgement_before_the_commit_is_missed(
    server: NatsServer, writing: Open, listening: Open, monkeypatch: pytest.MonkeyPatch
):
    right = Subscription._deliver

    async def save_and_deliver(self, batch):
        self.position = batch.position
        await Consumer._save_cursor(self)
        await right(self, batch)

    monkeypatch.setattr(Subscription, "_deliver", save_and_deliver)
    with pytest.raises(Differ):
        await killed_in_its_first_handler(server, writing, listening, monkeypatch)


async def test_a_relay_that_does_not_rewind_is_missed(
    server: NatsServer,
    writing: Open,
    listening: Open,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
):
    right = Relay._place

    async def from_memory(self, held):
        return await right(self, held) if self.position is None else self.position

    monkeypatch.setattr(Relay, "_place", from_memory)
    async for post in test_faults.lose_the_tail(server, writing, listening, tmp_path / "copy"):
        with pytest.raises(Differ):
            await post.wait_texts(test_faults.placed(range(50)), VERIFY_SECONDS + ENOUGH_SECONDS)


async def test_an_id_that_is_used_again_after_a_lost_acknowledgement_is_missed(
    server: NatsServer, writing: Open, listening: Open, monkeypatch: pytest.MonkeyPatch
):
    counts = {"now": itertools.count()}
    take_place = Relay._take_place

    async def take_place_and_count_anew(self, connection):
        counts["now"] = itertools.count()
        await take_place(self, connection)

    monkeypatch.setattr(Relay, "_take_place", take_place_and_count_anew)
    monkeypatch.setattr(relay_room, "message_id", lambda *_: str(next(counts["now"])))
    async with writing() as shop, listening() as post:
        await shop.place(map(str, range(10)))
        await post.wait_texts(test_faults.placed(range(10)))
        shop.broker._line.connection.lose()
        await shop.place(map(str, range(10, 20)))
        with pytest.raises(Differ):
            await post.wait_texts(test_faults.placed(range(20)), ENOUGH_SECONDS)
