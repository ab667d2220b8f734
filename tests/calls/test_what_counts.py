"""Which calls the limit of a process holds: those that come from outside of it."""

from __future__ import annotations

import asyncio

import pytest

from outgrow.calls import Reception
from outgrow.clock import ManualClock
from outgrow.context import SYSTEM, Context
from outgrow.contracts import Contract, query, read_contract
from outgrow.telemetry import Meters

CALLS = 60


class Desk(Contract):
    """Answers when it is told to."""

    @query()
    async def ask(self) -> int: ...


METHOD = read_contract(Desk).methods["ask"]


class Keeper(Desk):
    def __init__(self):
        self.begun = asyncio.Semaphore(0)
        self.may_answer = asyncio.Event()

    async def ask(self) -> int:
        self.begun.release()
        await self.may_answer.wait()
        return 7


def context(via: str, waited: float | None) -> Context:
    return Context(
        caller=SYSTEM,
        correlation_id="c",
        trace_id=1,
        span_id=1,
        deadline=10.0,
        method=METHOD.full_name,
        via=via,
        waited=waited,
    )


@pytest.mark.parametrize(
    ("via", "waited", "counts"),
    [
        pytest.param("", None, True, id="from-outside"),
        pytest.param("", 0.0, True, id="from-outside-over-grpc"),
        pytest.param("payments", 0.0, True, id="from-another-process"),
        pytest.param("payments", None, False, id="sent-by-a-service-of-this-process"),
    ],
)
async def test_what_a_service_here_has_sent_is_no_call_from_outside(via, waited, counts):
    keeper = Keeper()
    reception = Reception(ManualClock(), Meters(), lambda *_: None)
    reception.admit(read_contract(Desk), keeper, None)
    ask = reception.bind(METHOD)

    async with asyncio.TaskGroup() as tasks:
        asked = [tasks.create_task(ask(context(via, waited))) for _ in range(CALLS)]
        for _ in asked:
            await keeper.begun.acquire()
        counted = reception.statistics()["limit"]["in_flight"]
        keeper.may_answer.set()

    assert [task.result() for task in asked] == [7] * CALLS
    assert counted == (CALLS if counts else 0)
    assert reception.statistics()["limit"]["in_flight"] == reception.in_flight == 0
