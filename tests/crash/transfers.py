"""
Transfers of money between four services, as a process that dies where it is told to.

``python -m tests.crash.transfers STATE`` is to `tests.crash.child` what sagas are to accounts.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, NamedTuple

from outgrow import using
from outgrow.errors import CallTimedOut, SagaAborted, StillRunning
from outgrow.process import Application
from tests.crash.program import Life, main, replied, say
from tests.faults.transfers.fees.contract import Fees
from tests.faults.transfers.giro.contract import Giro
from tests.faults.transfers.north.contract import North, Overdrawn
from tests.faults.transfers.south.contract import Closed

TOPOLOGY = Path(__file__).parents[1] / "faults" / "transfers" / "outgrow.toml"
CENTS = 100
FAILURES = 2
LIVES_WITH_FAILURES = 3
LOOK_SECONDS = 0.01
TICK_SECONDS = 5.0
ASKS_MAX = 200
"""So often a client asks what came of a transfer; a saga that is stuck does not end."""


class Order(NamedTuple):
    """One transfer, and what it must come to; None if that depends on when it is killed."""

    order: str
    method: str
    source: str
    target: str
    reply: Any


def _good(name: str, method: str = "transfer") -> Order:
    return Order(name, method, "rich", "open", f"{name}: {CENTS}" if method == "transfer" else None)


ORDERS = (
    _good("plain"),
    _good("stumbling"),
    _good("sleepy"),
    Order("poor", "transfer", "poor", "open", {"Overdrawn": "poor"}),
    Order("closed", "transfer", "rich", "closed", {"Closed": "closed"}),
    Order("clumsy", "transfer", "rich", "closed", {"Closed": "closed"}),
    _good("hasty", "rush"),
    _good("sleepy-hasty", "rush"),
)
SALARY = "salary"
"""The order that an event begins, whose saga has no caller."""

STUMBLES = (("collect", "stumbling"), ("stamp", "stumbling"), ("refund", "clumsy"))
"""What fails at first; a life that was not killed shows that it is tried again."""


async def ask(application: Application, order: Order) -> None:
    """Ask for a transfer until it is known what came of it."""
    client = using(application.client(Giro), key=order.order)
    for _ in range(ASKS_MAX):
        try:
            asked = getattr(client, order.method)
            reply: Any = await asked(order.order, order.source, order.target, CENTS)
        except (StillRunning, CallTimedOut):
            continue
        except (Overdrawn, Closed) as problem:
            reply = {type(problem).__name__: problem.account}
        except SagaAborted:
            reply = "aborted"
        replied(order.order, reply)
        return


async def pass_time(life: Life, application: Application, asked: list[asyncio.Task[None]]) -> None:
    """
    Let time pass until all are answered, whenever nothing happens.

    The application does not settle meanwhile, as calls are under way that wait for sagas.
    """
    before = 0
    while (await asyncio.wait(asked, timeout=LOOK_SECONDS))[1]:
        now = await application.activity()
        if now == before:
            life.clock.advance(TICK_SECONDS)
        before = now


async def live(life: Life) -> None:
    """One life: open what the one before has left, and do what is left to do."""
    async with life.start() as application:
        if life.number < LIVES_WITH_FAILURES:
            for what, order in STUMBLES:
                await application.client(Fees).fail_next(what, order, FAILURES)
        await using(application.client(North), key=SALARY).promise_salary(SALARY, CENTS)
        async with asyncio.TaskGroup() as group:
            asked = [group.create_task(ask(application, order)) for order in ORDERS]
            await pass_time(life, application, asked)
        await life.settle(application)
        say(settled=True)


if __name__ == "__main__":
    main(TOPOLOGY, live)
