"""
Three times more than a process can do, over gRPC from another process.

The minute of it is long; the ordinary run shows that it begins to refuse. What the limit does in a
minute is also told by tests/calls/limiting, with simulated time.
"""

from __future__ import annotations

import pytest

from benchmarks.calls_overload import (
    ATTEMPTS_RATIO_GOAL,
    GOAL,
    P99_RATIO_GOAL,
    overload,
)
from benchmarks.overload import RENT_SECONDS, ROOMS, Outcome, callers

SECONDS_MAX = 40
REFUSED_MIN = 50


async def until_refused(asking, outcome: Outcome) -> Outcome:
    """Ask for three times as much as can be had until calls are refused."""
    for _ in range(SECONDS_MAX):
        if outcome.refused >= REFUSED_MIN:
            break
        more = await asking.ask(0.5, 3 * ROOMS / RENT_SECONDS)
        outcome.latencies += more.latencies
        outcome.refused += more.refused
        outcome.late += more.late
    return outcome


async def test_a_process_refuses_what_it_could_not_answer_in_time() -> None:
    async with callers("rent", is_limited=True) as asking:
        outcome = await until_refused(asking, Outcome())
        told = (await asking.called.statistics())["limit"]

    assert outcome.refused >= REFUSED_MIN
    assert len(outcome.latencies) > ROOMS
    assert told["is_limiting"]
    assert told["refused"] >= outcome.refused
    assert told["in_flight"] == 0


@pytest.mark.long
@pytest.mark.timeout(400)
@pytest.mark.parametrize("kind", ["burn", "rent"])
async def test_a_minute_of_three_times_too_much_is_endured(kind) -> None:
    told = await overload(kind, is_limited=True, seconds=60)
    print(kind, told)  # noqa: T201 - to be compared

    assert told.usual_refused == 0
    assert told.goodput > GOAL
    assert told.p99_ratio < P99_RATIO_GOAL
    assert told.attempts_ratio <= ATTEMPTS_RATIO_GOAL

    # So it is the limit that does it, and not that there is nothing to endure.
    without = await overload(kind, is_limited=False, seconds=20)
    print(kind, "without", without)  # noqa: T201 - as above
    assert without.goodput < 0.6
    assert without.late > 0.6 * (without.late + without.goodput * without.capacity * 20)
