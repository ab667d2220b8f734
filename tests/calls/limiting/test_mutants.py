"""The limiter with one safeguard removed: the tests beside this one find out."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest

from outgrow.calls.limiting import gate, limiter
from tests.calls.limiting import test_limiter as tried

KINDS: dict[Any, Any] = {one.id: one.values for one in tried.KINDS.args[1]}
enter = limiter.Limiter.enter


def never_refuse(self: limiter.Limiter, _gate: gate.Gate, _queue: float, _now: float) -> None:
    """What is too much is taken on."""
    self.refused += 1


def look_inside_alone(
    self: limiter.Limiter, at: gate.Gate, waited: float, left: float, now: float
) -> None:
    """What waited before Python saw it is not counted."""
    enter(self, at, 0.0, left + waited, now)


def reckon(self: limiter.Limiter, waited: float, _now: float) -> float:
    """What waits is reckoned from how many calls ended a moment ago."""
    return self.in_flight + waited * self._rate


MUTANTS: dict[str, tuple[tuple[Any, str, Any], Callable[[], None]]] = {
    "never_refuses": (
        (limiter.Limiter, "_refuse", never_refuse),
        lambda: tried.test_at_three_times_what_it_can_a_process_goes_on_as_well_as_it_can(
            *KINDS["resource"]
        ),
    ),
    "does_not_see_what_waits": (
        (limiter.Limiter, "enter", look_inside_alone),
        lambda: tried.test_at_three_times_what_it_can_a_process_goes_on_as_well_as_it_can(
            *KINDS["processor"]
        ),
    ),
    "does_not_measure_anew": (
        (gate.Gate, "learn_anew", lambda _: None),
        tried.test_nobody_is_refused_for_a_service_that_has_become_slower_by_itself,
    ),
    "takes_any_queue_for_overload": (
        (limiter, "QUEUE_SECONDS_MIN", 0.0),
        tried.test_a_short_crowd_is_served,
    ),
    "reckons_its_queue": (
        (limiter.Limiter, "_found", reckon),
        lambda: tried.test_callers_in_a_loop_are_no_overload_however_uneven_their_pace(
            tried.in_bursts, 0.005, 0.02, 32
        ),
    ),
    "sees_no_surge": (
        (limiter, "SURGE_MIN", math.inf),
        tried.test_few_are_let_in_before_the_limit_is_there,
    ),
    "lets_who_was_refused_wait_long": (
        (limiter, "RETRY_SECONDS_MIN", 0.1),
        lambda: tried.test_who_comes_again_after_a_refusal_is_answered_soon(4, 0.02, 200),
    ),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_a_safeguard_that_is_removed_is_missed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (owner, attribute, by), find = MUTANTS[name]
    find()
    monkeypatch.setattr(owner, attribute, by)

    with pytest.raises(AssertionError):
        find()
