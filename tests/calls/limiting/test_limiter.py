"""
The adaptive limit under simulated load: minutes pass in a second, the same way each time.

What it does to real processes is told by tests/resilience.
"""

import random
from collections.abc import Callable

import pytest

from outgrow.calls.limiting import Gate, Limiter
from outgrow.errors import CallTimedOut, Overloaded
from tests.calls.limiting.simulation import Boundless, Simulation


def always(seconds: float) -> Callable[[random.Random], float]:
    return lambda _: seconds


def about(seconds: float) -> Callable[[random.Random], float]:
    return lambda randomly: randomly.expovariate(1 / seconds)


KINDS = pytest.mark.parametrize(
    ("servers", "seconds", "capacity"),
    [
        pytest.param(0, always(0.01), 100, id="processor"),
        pytest.param(0, about(0.01), 100, id="processor-uneven"),
        pytest.param(4, always(0.02), 200, id="resource"),
        pytest.param(4, about(0.02), 200, id="resource-uneven"),
        pytest.param(50, about(0.1), 500, id="resource-wide"),
    ],
)


@KINDS
def test_at_three_times_what_it_can_a_process_goes_on_as_well_as_it_can(
    servers: int, seconds: Callable[[random.Random], float], capacity: int
) -> None:
    limiter = Limiter()
    simulation = Simulation(limiter, servers=servers, seconds=seconds)
    normal = simulation.run(20, per_second=0.7 * capacity)
    overload = simulation.run(60, per_second=3 * capacity)
    after = simulation.run(20, per_second=0.7 * capacity)

    assert normal.refused == 0
    assert len(overload.latencies) > 0.9 * 60 * capacity
    assert overload.quantile(0.99) < 3 * normal.quantile(0.99)
    assert after.refused < 0.02 * after.asked
    assert len(after.latencies) > 0.98 * after.asked


@pytest.mark.parametrize(
    ("servers", "seconds", "capacity"),
    [pytest.param(0, 0.01, 100, id="burn"), pytest.param(4, 0.02, 200, id="rent")],
)
def test_who_comes_again_after_a_refusal_is_answered_soon(
    servers: int, seconds: float, capacity: int
) -> None:
    simulation = Simulation(Limiter(), servers=servers, seconds=always(seconds), repeats=0.1)
    normal = simulation.run(20, per_second=0.7 * capacity)
    overload = simulation.run(60, per_second=3 * capacity)

    assert normal.refused == 0
    assert len(overload.latencies) > 0.9 * 60 * capacity
    assert overload.quantile(0.99) < 3 * normal.quantile(0.99)


def test_few_are_let_in_before_the_limit_is_there() -> None:
    late = 0
    for seed in range(5):
        simulation = Simulation(Limiter(), servers=4, seconds=always(0.02), seed=seed)
        usual = simulation.run(20, per_second=140).quantile(0.99)
        outcome = simulation.run(3, per_second=600)
        late += sum(seconds > 3 * usual for seconds in outcome.latencies)

    # More than a hundredth of a minute's 12,000 would be its 99th percentile.
    assert late / 5 < 68


def test_without_a_limit_what_is_done_is_done_too_late() -> None:
    simulation = Simulation(Boundless(), servers=0, seconds=always(0.01))
    simulation.run(20, per_second=70)
    overload = simulation.run(60, per_second=300)

    assert len(overload.latencies) < 0.2 * 60 * 100


@KINDS
@pytest.mark.parametrize("callers", [16, 64, 300])
def test_callers_that_wait_for_their_replies_are_no_overload(
    callers: int, servers: int, seconds: Callable[[random.Random], float], capacity: int
) -> None:
    limiter = Limiter()
    simulation = Simulation(limiter, servers=servers, seconds=seconds, deadline=30.0)
    simulation.callers(callers)
    outcome = simulation.run(10, per_second=0)

    assert outcome.refused == 0
    assert len(outcome.latencies) > 0.7 * 10 * min(capacity, callers * 10)


def in_bursts(usual: float, slow: float) -> Callable[[random.Random], float]:
    """Some calls find the loop busy with other work, several after each other."""
    left = 0

    def draw(randomly: random.Random) -> float:
        nonlocal left
        if left == 0 and randomly.random() < 0.03:
            left = 1 + int(randomly.expovariate(1 / 8))
        seconds = slow if left else usual
        left = max(left - 1, 0)
        return randomly.expovariate(1 / seconds)

    return draw


def with_pauses(usual: float, pause: float) -> Callable[[random.Random], float]:
    """Now and then the machine does not get to it for up to *pause*."""

    def draw(randomly: random.Random) -> float:
        paused = pause * randomly.random() if randomly.random() < 0.02 else 0.0
        return randomly.expovariate(1 / usual) + paused

    return draw


@pytest.mark.parametrize(
    ("kind", "usual", "slow"),
    [
        pytest.param(in_bursts, 0.005, 0.02, id="bursts"),
        pytest.param(with_pauses, 0.008, 0.5, id="pauses"),
    ],
)
@pytest.mark.parametrize("callers", [24, 32])
def test_callers_in_a_loop_are_no_overload_however_uneven_their_pace(
    kind: Callable[[float, float], Callable[[random.Random], float]],
    usual: float,
    slow: float,
    callers: int,
) -> None:
    for seed in range(3):
        simulation = Simulation(
            Limiter(), servers=0, seconds=kind(usual, slow), deadline=10.0, seed=seed
        )
        simulation.callers(callers)

        assert simulation.run(20, per_second=0).refused == 0


def test_nobody_is_refused_for_a_service_that_has_become_slower_by_itself() -> None:
    slow = 0.02
    limiter = Limiter()
    simulation = Simulation(limiter, servers=100_000, seconds=lambda _: slow)
    simulation.run(10, per_second=400)
    slow = 0.4
    change = simulation.run(10, per_second=400)
    after = simulation.run(10, per_second=400)

    # It looks like a queue at first, until almost nothing is let in for a moment.
    assert change.refused < 0.3 * change.asked
    assert after.refused < 0.01 * after.asked


def test_a_short_crowd_is_served() -> None:
    limiter = Limiter()
    simulation = Simulation(limiter, servers=0, seconds=always(0.001), deadline=10.0)
    simulation.run(5, per_second=300)
    crowd = simulation.run(0.1, per_second=2_500)
    after = simulation.run(5, per_second=300)

    assert crowd.refused == after.refused == 0


@pytest.mark.parametrize("servers", [0, 4])
def test_a_crowd_that_came_at_once_is_served_though_it_takes_a_while(servers: int) -> None:
    limiter = Limiter()
    simulation = Simulation(limiter, servers=servers, seconds=always(0.02), deadline=10.0)
    simulation.run(5, per_second=20)
    crowd = simulation.run(0.01, per_second=10_000)
    after = simulation.run(10, per_second=5)

    assert crowd.asked > 80
    assert crowd.refused == after.refused == 0


def test_a_call_that_came_too_late_is_not_begun() -> None:
    limiter, gate = Limiter(), Gate("stock.hold")

    with pytest.raises(CallTimedOut) as caught:
        limiter.enter(gate, waited=2.0, left=0.0, now=5.0)

    assert not caught.value.may_have_run
    assert limiter.statistics()["expired"] == 1
    assert limiter.in_flight == gate.in_flight == 0


def test_a_method_with_a_limit_of_its_own_is_held_by_that_alone() -> None:
    limiter, gate = Limiter(), Gate("reports.render", concurrency=2)
    for _ in range(2):
        limiter.enter(gate, waited=0.0, left=1.0, now=0.0)

    with pytest.raises(Overloaded, match=r"2 of its calls are under way"):
        limiter.enter(gate, waited=0.0, left=1.0, now=0.0)
    limiter.leave(gate, waited=0.0, began=0.0, now=0.5)
    limiter.enter(gate, waited=0.0, left=1.0, now=0.5)
    limiter.enter(Gate("reports.list"), waited=0.0, left=1.0, now=0.5)

    assert gate.in_flight == 2
    assert limiter.statistics()["refused"] == 1


def test_who_is_refused_is_told_when_there_will_be_room() -> None:
    limiter = Limiter()
    simulation = Simulation(limiter, servers=0, seconds=always(0.01))
    simulation.run(5, per_second=70)
    simulation.run(5, per_second=300)

    with pytest.raises(Overloaded) as caught:
        limiter.enter(Gate("desk.ask"), waited=0.8, left=0.2, now=simulation.now)

    # What has queued for 0.8 s is 80 calls long, of which some can be answered in time.
    assert 0.5 < caught.value.retry_after_seconds < 1.0


def test_that_calls_are_refused_is_logged_once_and_that_they_no_longer_are() -> None:
    lines: list[str] = []
    limiter = Limiter(lines.append)
    simulation = Simulation(limiter, servers=0, seconds=always(0.01))
    simulation.run(5, per_second=70)
    simulation.run(20, per_second=300)
    simulation.run(10, per_second=50)

    assert [line.split(";")[0] for line in lines] == [
        "more calls come than can be answered in time",
        "all calls can be answered in time again",
    ]
    assert limiter.statistics()["is_limiting"] is False


def test_a_pause_of_the_machine_is_no_crowd() -> None:
    limiter, gate = Limiter(), Gate("orders.place")
    limiter._rate = 10_000.0  # What it had learned before the machine stood still.

    for _ in range(200):
        limiter.enter(gate, waited=0.5, left=5.0, now=1.0)

    assert limiter.in_flight == 200
    assert limiter.refused == 0


def test_who_comes_back_after_minutes_of_silence_finds_no_limit() -> None:
    limiter = Limiter()
    simulation = Simulation(limiter, servers=0, seconds=always(0.01))
    simulation.run(5, per_second=70)
    simulation.run(5, per_second=300)
    gate = Gate("desk.ask")

    for n in range(2):  # A look is at a call that ends; the second begins after the first.
        began = simulation.now + 300 + n
        limiter.enter(gate, waited=0.0, left=10.0, now=began)
        limiter.leave(gate, waited=0.0, began=began, now=began + 0.06)

    assert limiter.statistics()["is_limiting"] is False
