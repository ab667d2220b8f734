"""
The parity application as a process that dies where it is told to, and works on when started again.

``python -m tests.crash.child STATE`` sends every command, lets all events arrive, and says each
reply, and at its end how often each crash point was passed, as a line of JSON. Its first life
records payments as earlier versions of the code did, and what is left of those is for the later.
"""

import argparse
import asyncio
import json
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from parity.desk.contract import Desk
from parity.ledger.contract import AccountClosed, Ledger
from parity.mail.contract import Mail

from outgrow import crash, using
from outgrow.clock import ManualClock
from outgrow.process import Application, start_application
from outgrow.testing.world import WORLDS
from outgrow.topology import read_topology
from tests.crash import mutants, previous
from tests.crash.commands import (
    CLOSED_ONLY,
    FAILURES,
    LIVES_WITH_FAILURES,
    STUMBLING,
    Command,
    waves,
)

TOPOLOGY = Path(__file__).parents[1] / "worlds" / "outgrow.toml"
CONTRACTS: dict[str, Callable[..., Any]] = {"desk": Desk, "ledger": Ledger, "mail": Mail}
SAVE_SECONDS = 1.1
"""After so long a consumer saves how far it has come."""


def say(**fields: Any) -> None:
    sys.stdout.write(json.dumps(fields) + "\n")
    sys.stdout.flush()


async def send(application: Application, command: Command) -> None:
    """Send *command*, and say what was replied."""
    service, _, name = command.method.partition(".")
    client = using(application.client(CONTRACTS[service]), key=command.key)
    try:
        reply = await getattr(client, name)(**command.arguments)
    except AccountClosed as problem:
        reply = {"AccountClosed": [problem.account, problem.cents]}
    say(key=command.key, reply=reply)
    crash.at("client.after_reply")


async def send_all(application: Application, commands: list[Command]) -> None:
    for command in commands:
        await send(application, command)


async def settle(application: Application, clock: ManualClock) -> None:
    """Let everything arrive, and let every consumer save where it is."""
    while (wait_seconds := await application.settle()) is not None:
        clock.advance(wait_seconds)
    clock.advance(SAVE_SECONDS)
    await application.settle()


async def live(state: Path, life: int, world: str) -> None:
    """One life: open what the one before has left, and do what is left to do."""
    clock = ManualClock(datetime(2030, 1, 1, tzinfo=UTC) + timedelta(hours=life))
    options = replace(WORLDS[world], state=state, clock=clock)
    async with start_application(read_topology(TOPOLOGY), options) as application:
        failures = FAILURES if life < LIVES_WITH_FAILURES else 0
        for account in (STUMBLING, CLOSED_ONLY):
            await application.client(Mail).fail_next(account, failures)
        for wave in waves():
            async with asyncio.TaskGroup() as group:
                for commands in wave:
                    group.create_task(send_all(application, commands))
            clock.advance(SAVE_SECONDS)
        await settle(application, clock)
        say(settled=True)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("state", type=Path)
    parser.add_argument("--life", type=int, default=0, help="lives before this one")
    parser.add_argument("--world", default="together")
    parser.add_argument("--die", nargs=2, metavar=("POINT", "NTH"))
    parser.add_argument("--mutant", help="the bug that is planted")
    parser.add_argument("--hold", action="store_true", help="stay open until standard input ends")
    told = parser.parse_args()
    if told.life == 0:
        previous.plant()
    if told.mutant:
        mutants.plant(told.mutant)
    if told.die:
        crash.arm(told.die[0], int(told.die[1]))
    passed = crash.count()
    asyncio.run(hold(told.state) if told.hold else live(told.state, told.life, told.world))
    say(passed=passed)


async def hold(state: Path) -> None:
    """Keep the stores open until somebody ends this process."""
    async with start_application(read_topology(TOPOLOGY), replace(WORLDS["together"], state=state)):
        say(open=True)
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    main()
