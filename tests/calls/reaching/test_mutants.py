"""Choosing with one safeguard removed: the tests beside this one find out."""

from __future__ import annotations

import functools

import pytest

from outgrow.calls.reaching import budgets, choosing, judging, peers
from tests.calls.reaching import test_balancing as balancing
from tests.calls.reaching import test_judging as judged


def grow_at_once(peer, now):
    """All of the weight from the first moment on."""
    peer.weight = float(peer.endpoint.weight)
    return False


def probe_by_all(judge, method, left_seconds):
    """Everybody tries an endpoint whose time is over."""
    now = judge._machine.monotonic()
    return next((p for p in judge.peers if p.out_until and p.out_until <= now), None)


def pick_any(choice):
    """One choice, not two."""
    return choice.peers[int(choice._draw() * len(choice.peers))]


def leave_nobody_out(judge, peer, why, now):
    """Nobody is left out."""
    peer.strikes = 0


MUTANTS = {
    "no_ejection": (
        (judging.Judge, "_leave_out", leave_nobody_out),
        functools.partial(judged.test_one_that_fails_each_call_at_once_is_no_sink, judged.wrong),
    ),
    "no_slow_return": (
        (peers.Peer, "grow", grow_at_once),
        judged.test_it_comes_back_by_one_call_and_grows,
    ),
    "budget_ignored": (
        (budgets.Budget, "draw", lambda _: True),
        balancing.test_no_more_than_a_tenth_is_repeated_while_all_have_too_much,
    ),
    "no_moving": (
        (judging.Judge, "_move", lambda *_: None),
        judged.test_one_that_is_silent_is_seen_by_a_single_caller_too,
    ),
    "no_ageing": (
        (judging, "_age", lambda *_: None),
        judged.test_one_that_is_silent_is_seen_by_a_single_caller_too,
    ),
    "half_is_no_limit": (
        (judging, "OUT_SHARE_MAX", 1.0),
        judged.test_no_more_than_half_are_left_out_on_suspicion,
    ),
    "probed_by_all": (
        (judging.Judge, "probe", probe_by_all),
        judged.test_it_comes_back_by_one_call_and_grows,
    ),
    "one_choice": (
        (choosing.Choice, "pick", pick_any),
        balancing.test_two_choices_prefer_where_less_is_under_way,
    ),
    "lateness_ignored": (
        (judging, "LATE_SECONDS_MAX", 1e9),
        judged.test_who_was_late_himself_judges_nobody,
    ),
    "badness_is_absolute": (
        (judging, "WORSE", 0.0),
        judged.test_if_all_fall_silent_at_once_nothing_is_moved_about,
    ),
}

ALWAYS = {"no_ejection", "budget_ignored", "no_slow_return"}
"""Those that every test run plants; the others are for the long run."""


@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=[] if n in ALWAYS else pytest.mark.long) for n in sorted(MUTANTS)],
)
async def test_a_safeguard_that_is_removed_is_missed(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (owner, attribute, by), find_out = MUTANTS[name]
    assert hasattr(owner, attribute)
    monkeypatch.setattr(owner, attribute, by)

    with pytest.raises((AssertionError, ExceptionGroup, pytest.fail.Exception)):
        await find_out()
