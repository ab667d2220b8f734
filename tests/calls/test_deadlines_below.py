"""A deadline that passes below is the caller's own, whoever looks at it first."""

from __future__ import annotations

import pytest

from outgrow.calls import Reception
from outgrow.clock import SystemClock
from outgrow.context import SYSTEM, Context
from outgrow.contracts import Contract, query, read_contract
from outgrow.errors import CallFailed, CallTimedOut
from outgrow.telemetry import Meters

DEADLINE_SECONDS = 0.02


class Desk(Contract):
    """Asks another."""

    @query()
    async def ask(self) -> int: ...


class Keeper(Desk):
    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    async def ask(self) -> int:
        clock = SystemClock()
        until = clock.monotonic() + self.seconds
        while clock.monotonic() < until:
            pass  # Nobody can look at the deadline meanwhile.
        raise CallTimedOut("stock.get", may_have_run=True)


@pytest.mark.parametrize(
    ("seconds", "kind"),
    [
        pytest.param(2 * DEADLINE_SECONDS, CallTimedOut, id="its-own"),
        pytest.param(-1, CallFailed, id="a-shorter-one-below"),
    ],
)
async def test_a_deadline_that_passed_below_is_ones_own_if_it_has_passed_as_well(seconds, kind):
    clock = SystemClock()
    reception = Reception(clock, Meters())
    model = read_contract(Desk)
    reception.admit(model, Keeper(max(seconds, 0.0)), None)
    left = DEADLINE_SECONDS if seconds > 0 else 100.0
    context = Context(
        caller=SYSTEM,
        correlation_id="c",
        trace_id=1,
        span_id=1,
        deadline=clock.monotonic() + left,
        method="desk.ask",
    )

    with pytest.raises(kind) as caught:
        await reception.bind(model.methods["ask"])(context)

    assert caught.value.method == model.methods["ask"].full_name
    assert caught.value.may_have_run
