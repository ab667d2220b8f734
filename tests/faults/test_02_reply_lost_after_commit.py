"""2. A process dies between a commit and its reply: the repeat under the key has one effect."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.crash import invariants
from tests.crash.commands import COMMANDS
from tests.crash.harness import Kill, MachineMaker, live, tell
from tests.crash.reading import Tables
from tests.faults.machines import STORES

KEPT = "select key, reply from outgrow_inbox"


def kept(tables: Tables) -> dict[str, str]:
    """What the ledger has replied to clients, whether or not they were told."""
    return {key: reply for key, reply in tables.rows("ledger", KEPT) if key in COMMANDS}


@pytest.mark.parametrize("store", STORES)
def test_a_commit_that_nobody_was_told_of_is_answered_to_the_repeat(
    store: str, tmp_path: Path, machines: dict[str, MachineMaker]
) -> None:
    for nth in range(9, 60, 5):
        state = tmp_path / str(nth)
        machine = machines[store](state)
        machine.begin()
        first = live(state, Kill("store.after_commit", nth), on=machine.environment)
        machine.end()
        assert first.was_killed, first.log
        with machine.tables(state, invariants.services) as tables:
            before = kept(tables)
        if before.keys() - {key for key, _ in first.replies}:
            break
    else:
        pytest.fail("somebody's commit must be one that nobody was told of")

    story = tell(state, [], machine=machine)

    assert not story.violations, str(story)
    with machine.tables(state, invariants.services) as tables:
        after = kept(tables)
    assert {key: after[key] for key in before} == before


@pytest.mark.parametrize("store", STORES)
@pytest.mark.parametrize(
    "point",
    [
        "store.after_commit",
        pytest.param("inbox.before_key", marks=pytest.mark.long),
        pytest.param("client.after_reply", marks=pytest.mark.long),
    ],
)
def test_a_client_that_asks_again_and_again_gets_its_first_reply(
    point: str, store: str, tmp_path: Path, machines: dict[str, MachineMaker]
) -> None:
    """It dies three times in a row at the same place, each time a little later in the work."""
    story = tell(tmp_path, [Kill(point, 8)] * 3, machine=machines[store](tmp_path))

    assert story.was_killed, str(story)
    assert not story.violations, str(story)
