"""The harness finds what it is for: each safeguard that is removed is missed."""

from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.crash.harness import Kill, Story, tell, tell_of_death
from tests.crash.mutants import MUTANTS

FOUND_OUT: dict[str, tuple[list[Kill], str]] = {
    "inbox_check": (
        [Kill("journal.after_delivery", 1), Kill("journal.before_cursor", 1)],
        "expected",
    ),
    "inbox_key": ([Kill("store.after_commit", 14)], "payments of"),
    "two_transactions": ([Kill("journal.before_effect", 20)], "expected"),
    "effect_first": ([Kill("journal.after_effect", 20)], "expected"),
    "cursor_first": ([Kill("journal.before_effect", 20)], "expected"),
    "order_ignored": ([Kill("journal.before_effect", 20)], "heard of c"),
    "reply_apart": ([Kill("inbox.before_key", 5), Kill("inbox.before_key", 20)], "expected"),
    "not_remembered": ([Kill("inbox.after_remember", 12)], "kept 0 times"),
    "event_apart": ([Kill("store.after_commit", 12), Kill("store.after_commit", 20)], "recorded"),
    "send_key": ([Kill("journal.after_send", 2), Kill("journal.after_resend", 2)], "sent letters"),
    "told_first": ([Kill("client.after_reply", 1), Kill("client.after_reply", 9)], "kept 0 times"),
    "upcast_step": ([Kill("journal.after_effect", 10)], "heard of"),
    "timer_apart": ([Kill("timers.after_fire", 1)], "timers, expected"),
    "alias_unheard": ([Kill("journal.after_effect", 10)], "heard of"),
}
"""By mutant: where it is killed, once in each of as many states, and the word that tells on it."""

ELSEWHERE = {"not_synced", "unfenced"}
"""Those that no kill finds: one needs a loss of power, one a process that is frozen."""

WRONG_AT_ONCE = {"order_ignored", "not_remembered", "upcast_step", "alias_unheard"}


ALWAYS = {"two_transactions", "reply_apart", "timer_apart"}
"""Those that every test run plants; the others are for the long run."""


def tried(mutants: Iterable[str]) -> list[Any]:
    """*mutants*, most of them in the long run alone."""
    return [
        pytest.param(name, marks=[] if name in ALWAYS else pytest.mark.long)
        for name in sorted(mutants)
    ]


@cache
def without_mutant(folder: Path, kill: Kill) -> Story:
    """What the same kill does to the right code."""
    return tell_of_death(folder / f"clean-{kill}", [kill])


def test_every_mutant_is_tried() -> None:
    assert FOUND_OUT.keys() | ELSEWHERE == MUTANTS.keys()


@pytest.mark.parametrize("mutant", tried(FOUND_OUT))
def test_a_safeguard_that_is_removed_is_missed(
    mutant: str, tmp_path: Path, graveyard: Path
) -> None:
    kills, word = FOUND_OUT[mutant]
    stories = [tell_of_death(tmp_path / str(kill), [kill], mutant=mutant) for kill in kills]

    found = [line for story in stories for line in story.violations]
    assert any(word in line for line in found), "\n".join(map(str, stories))
    for kill in kills:
        clean = without_mutant(graveyard, kill)
        assert clean.was_killed, str(clean)
        assert not clean.violations, str(clean)


@pytest.mark.parametrize("mutant", tried(FOUND_OUT.keys() - WRONG_AT_ONCE))
def test_a_mutant_that_is_not_killed_looks_right(mutant: str, tmp_path: Path) -> None:
    """So it is the kill that finds it, and not a mistake in planting it."""
    story = tell(tmp_path, [], mutant=mutant)

    assert not story.violations, str(story)
