"""A file whose writer died is whole, and is there for the next one at once."""

import random
import signal
from contextlib import AsyncExitStack
from pathlib import Path

import parity.ledger
import pytest

from outgrow.clock import SystemClock
from outgrow.errors import StoreInUse
from outgrow.process import open_service_store
from outgrow.store import Store
from tests.crash import harness, invariants
from tests.crash.harness import Kill
from tests.crash.reading import sqlite_tables

CUTS = 40


async def open_ledger(stack: AsyncExitStack, state: Path) -> Store:
    store, _ = await open_service_store(
        stack,
        state / "store",
        application="parity",
        service="ledger",
        package=parity.ledger.__name__,
        clock=SystemClock(),
    )
    return store


@pytest.mark.parametrize("nth", [5, 15, 30])
def test_units_that_were_not_committed_are_gone_as_a_whole(tmp_path: Path, nth: int) -> None:
    """Dies when the units of a commit have run, and the COMMIT has not."""
    story = harness.tell_of_death(tmp_path, [Kill("store.before_commit", nth)])

    assert story.was_killed, str(story)
    assert not story.violations, str(story)


def test_a_log_that_was_cut_off_anywhere_holds_whole_units(tmp_path: Path) -> None:
    """As if the machine had died too, and only the beginning of the log had reached the disk."""
    life = harness.live(tmp_path, Kill("store.before_checkpoint", 1))
    assert life.was_killed, life.log
    chance = random.Random(harness.seed())
    shares = [0.0, *sorted(chance.random() for _ in range(CUTS)), 1.0]

    left = []
    for share in shares:
        with sqlite_tables(tmp_path, invariants.services, share) as tables:
            violations = list(invariants.each_whole(tables))
            left.append(len(tables.rows("ledger", invariants.PAYMENTS)))
        assert not violations, f"seed {harness.seed()}, {share:%} of the logs: {violations}"

    assert left == sorted(left)
    assert left[0] == 0
    assert len(set(left)) > 3


async def test_a_store_is_opened_at_once_when_its_writer_was_killed(tmp_path: Path) -> None:
    child = harness.spawn([str(tmp_path), "--hold"])
    try:
        assert child.stdout is not None
        assert '"open"' in child.stdout.readline()
        async with AsyncExitStack() as stack:
            with pytest.raises(StoreInUse, match=f"process {child.pid} has it open"):
                await open_ledger(stack, tmp_path)

            child.send_signal(signal.SIGKILL)
            child.wait(harness.LIFE_SECONDS_MAX)

            store = await open_ledger(stack, tmp_path)
            async with store.read() as snapshot:
                assert await snapshot.fetch_one(int, "select count(*) from payments") == 0
    finally:
        harness.end(child)
        child.communicate()
