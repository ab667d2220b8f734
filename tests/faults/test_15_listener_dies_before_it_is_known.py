"""
15. Who listens dies after the commit of an effect, before anybody knows of it: what is read again
has no second effect; nor has what is handed over again while half of a batch is known.
"""

from __future__ import annotations

import pytest

from outgrow.journal.consumers.consumer import Consumer
from outgrow.testing.repeats import Redelivering
from tests.crash.harness import Kill, MachineMaker, tell_of_death
from tests.faults.brokers import NatsServer, Open, arrived, by_key, place, placed
from tests.faults.machines import STORES
from tests.journal.nats.parts import wait_until


@pytest.mark.parametrize("handled", [1, 6])
async def test_what_was_committed_and_not_noted_is_not_handled_again(
    server: NatsServer,
    writing: Open,
    listening: Open,
    monkeypatch: pytest.MonkeyPatch,
    handled: int,
) -> None:
    """The cursor is never saved, so the next process reads all of the batch again."""

    async def forget(*_) -> None:
        pass

    monkeypatch.setattr(Consumer, "_save_cursor", forget)
    async with writing() as shop:
        async with listening() as post:
            await place(shop, range(handled))
            await arrived(post, handled)
        await place(shop, range(handled, 10))
        for _ in range(2):
            async with listening() as post:
                await arrived(post, 10)
                await wait_until(lambda p=post: p.remote._feed.window.tail == 10)
        async with listening() as post:
            assert by_key(await post.texts()) == placed(10)


@pytest.mark.parametrize("store", STORES)
@pytest.mark.parametrize(
    "point",
    ["journal.after_delivery", pytest.param("journal.before_cursor", marks=pytest.mark.long)],
)
def test_a_kill_between_the_effect_and_the_note_of_it(
    point: str, store: str, tmp_path, machines: dict[str, MachineMaker]
) -> None:
    story = tell_of_death(tmp_path, [Kill(point, 3), Kill(point, 1)], machine=machines[store])

    assert story.was_killed, str(story)
    assert not story.violations, str(story)


async def test_each_event_of_a_batch_that_is_handed_over_twice_is_handled_once(
    server: NatsServer, writing: Open, listening: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with writing() as shop, listening() as post:
        remote = post.remote
        twice = Redelivering(remote)
        (subscription,) = post.delivery._consumers[:1]
        monkeypatch.setattr(subscription, "_journal", twice)
        await place(shop, range(100))
        await arrived(post, 100)
        await place(shop, [100])
        await arrived(post, 101)
