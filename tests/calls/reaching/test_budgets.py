"""What repeats cost, and who pays for them."""

from __future__ import annotations

import math

import pytest

from outgrow.calls import Patience
from outgrow.calls.reaching import Budget, Retrying
from outgrow.clock import ManualClock, SystemClock
from outgrow.context import SYSTEM, Context, new_span_id, new_trace_id
from outgrow.errors import Overloaded, ServiceUnreachable
from tests.calls.reaching.simulated import METHODS


def drawn(budget: Budget, times: int) -> int:
    return sum(budget.draw() for _ in range(times))


def test_a_tenth_of_the_calls_may_be_repeated_and_not_more() -> None:
    clock = ManualClock()
    budget = Budget(clock)
    drawn(budget, 1000)
    repeats = 0
    for _ in range(600):
        budget.calls += 50
        repeats += drawn(budget, 20)
        clock.advance(0.1)

    assert 0.095 * 30_000 <= repeats <= 0.1 * 30_000 + 10


def test_what_is_lent_at_the_start_is_paid_back() -> None:
    clock = ManualClock()
    budget = Budget(clock)
    repeats = drawn(budget, 100)
    for _ in range(600):
        budget.calls += 10
        repeats += drawn(budget, 10)
        clock.advance(0.1)

    assert repeats <= 0.1 * budget.calls + 3, "and what the last second was lent"


def test_who_calls_seldom_may_repeat_all_the_same() -> None:
    clock = ManualClock()
    budget = Budget(clock)
    drawn(budget, 1000)
    for _ in range(5):
        clock.advance(1)
        budget.calls += 1
        assert drawn(budget, 50) == 3


def test_what_was_not_spent_is_there_for_a_burst_and_not_for_ever() -> None:
    clock = ManualClock()
    budget = Budget(clock, per_second=0)
    for _ in range(300):
        budget.calls += 100
        clock.advance(0.1)
        budget.statistics()

    # A replica of three that dies takes no more with it than a second's calls.
    assert 850 <= budget.statistics()["repeats_left"] <= 1_000
    clock.advance(100)
    assert drawn(budget, 10) == 0


def test_a_budget_of_nothing_pays_for_nothing() -> None:
    budget = Budget(ManualClock(), share=0, per_second=0)
    budget.calls += 1_000

    assert not budget.draw()
    assert budget.statistics()["repeats_refused"] == 1


class Ending:
    """A transport whose attempts end as they are told; the last ending is repeated."""

    def __init__(self, *endings):
        self.endings = list(endings)
        self.count = 0

    def bind(self, method):
        async def invoke(context, *arguments):
            self.count += 1
            ending = self.endings.pop(0) if len(self.endings) > 1 else self.endings[0]
            if isinstance(ending, Exception):
                raise ending
            return ending

        return invoke

    async def close(self):
        pass


def context(deadline=math.inf):
    return Context(
        caller=SYSTEM,
        correlation_id="c",
        trace_id=new_trace_id(),
        span_id=new_span_id(),
        deadline=deadline,
    )


def unreachable(*, may_have_run: bool) -> ServiceUnreachable:
    return ServiceUnreachable("desk.ask", "nobody", may_have_run=may_have_run)


def full(seconds: float) -> Overloaded:
    return Overloaded("desk.ask", "full", retry_after_seconds=seconds)


async def test_a_call_that_is_not_repeated_for_the_budget_says_so() -> None:
    budget = Budget(SystemClock(), share=0, per_second=0)
    ending = Ending(unreachable(may_have_run=True))
    ask = Retrying(ending, SystemClock(), Patience(), budget).bind(METHODS["ask"])

    with pytest.raises(ServiceUnreachable, match="nobody. It was not made again: the repeats"):
        await ask(context())

    assert ending.count == budget.calls == budget.refused == 1


async def test_a_process_that_is_not_there_is_waited_for_without_a_budget() -> None:
    budget = Budget(SystemClock(), share=0, per_second=0)
    away = unreachable(may_have_run=False)
    ending = Ending(away, away, away, "reply")
    ask = Retrying(ending, SystemClock(), Patience(), budget).bind(METHODS["ask"])

    assert await ask(context()) == "reply"


@pytest.mark.parametrize("name", ["ask", "order", "shout"])
async def test_what_was_refused_for_overload_comes_again_once_after_the_time_it_was_told(
    name,
) -> None:
    clock, budget = SystemClock(), Budget(SystemClock())
    ending = Ending(full(0.1), full(0.1), "reply")
    ask = Retrying(ending, clock, Patience(), budget).bind(METHODS[name])
    began = clock.monotonic()

    with pytest.raises(Overloaded):
        await ask(context())

    assert clock.monotonic() - began >= 0.1
    assert (ending.count, budget.spent) == (2, 1)


async def test_it_does_not_come_again_if_its_deadline_is_sooner() -> None:
    clock = SystemClock()
    ending = Ending(full(60), "reply")
    ask = Retrying(ending, clock, Patience(), Budget(clock)).bind(METHODS["ask"])

    with pytest.raises(Overloaded):
        await ask(context(clock.monotonic() + 5))

    assert ending.count == 1
