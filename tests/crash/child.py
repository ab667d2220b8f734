"""
The parity application as a process that dies where it is told to, and works on when started again.

``python -m tests.crash.child STATE`` sends every command, lets all events arrive, and says each
reply, and at its end how often each crash point was passed, as a line of JSON. Its first life
records payments as earlier versions of the code did, and what is left of those is for the later.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from parity.desk.contract import Desk
from parity.ledger.contract import AccountClosed, Ledger
from parity.mail.contract import Mail

from outgrow import using
from outgrow.process import Application
from tests.crash import previous
from tests.crash.commands import (
    CLOSED_ONLY,
    FAILURES,
    LIVES_WITH_FAILURES,
    STUMBLING,
    Command,
    waves,
)
from tests.crash.program import SAVE_SECONDS, Life, main, replied, say

TOPOLOGY = Path(__file__).parents[1] / "worlds" / "outgrow.toml"
CONTRACTS: dict[str, Callable[..., Any]] = {"desk": Desk, "ledger": Ledger, "mail": Mail}


async def send(application: Application, command: Command) -> None:
    """Send *command*, and say what was replied."""
    service, _, name = command.method.partition(".")
    client = using(application.client(CONTRACTS[service]), key=command.key)
    try:
        reply = await getattr(client, name)(**command.arguments)
    except AccountClosed as problem:
        reply = {"AccountClosed": [problem.account, problem.cents]}
    replied(command.key, reply)


async def send_all(application: Application, commands: list[Command]) -> None:
    for command in commands:
        await send(application, command)


async def live(life: Life) -> None:
    """One life: open what the one before has left, and do what is left to do."""
    async with life.start() as application:
        failures = FAILURES if life.number < LIVES_WITH_FAILURES else 0
        for account in (STUMBLING, CLOSED_ONLY):
            await application.client(Mail).fail_next(account, failures)
        for wave in waves():
            async with asyncio.TaskGroup() as group:
                for commands in wave:
                    group.create_task(send_all(application, commands))
            life.clock.advance(SAVE_SECONDS)
        await life.settle(application)
        say(settled=True)


if __name__ == "__main__":
    main(TOPOLOGY, live, previous.plant)
