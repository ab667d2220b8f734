"""
Lists that are appended to, now and later, as a process that dies where it is told to.

``python -m tests.crash.lists STATE`` is to `tests.crash.child` what timers and lists are to
accounts: it passes the crash points that the parity application does not.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from outgrow import using
from outgrow.process import Application
from tests.crash.program import Life, main, replied, say
from tests.faults.lists.copies.contract import Copies
from tests.faults.lists.source.contract import Source

TOPOLOGY = Path(__file__).parents[1] / "faults" / "lists" / "outgrow.toml"
NAMES = ("a", "b", "c")
APPENDS = 6
VALUES_AT_ONCE = 4
LATER = ("t", "u")
TIMERS = 3
TIMER_SECONDS = 60
FAILURES = 2
LIVES_WITH_FAILURES = 2


def commands(name: str) -> list[tuple[str, str, dict[str, Any]]]:
    """Key, method and arguments of what is asked of one list."""
    if name in LATER:
        return [
            (f"{name}-{n}", "append_later", {"name": name, "value": n, "seconds": TIMER_SECONDS})
            for n in range(TIMERS)
        ]
    return [
        (f"{name}-{n}", "append", {"name": name, "values": values_of(n)}) for n in range(APPENDS)
    ]


def values_of(number: int) -> list[int]:
    """What the append of this number appends."""
    return list(range(number * VALUES_AT_ONCE, (number + 1) * VALUES_AT_ONCE))


async def ask(application: Application, name: str) -> None:
    for key, method, arguments in commands(name):
        client = using(application.client(Source), key=key)
        replied(key, await getattr(client, method)(**arguments))


async def live(life: Life) -> None:
    """One life: open what the one before has left, and do what is left to do."""
    async with life.start() as application:
        if life.number < LIVES_WITH_FAILURES:
            await application.client(Copies).fail_next("b", FAILURES)
        async with asyncio.TaskGroup() as group:
            for name in (*NAMES, *LATER):
                group.create_task(ask(application, name))
        await life.settle(application)
        life.clock.advance(TIMER_SECONDS)
        await life.settle(application)
        say(settled=True)


if __name__ == "__main__":
    main(TOPOLOGY, live)
