"""What the programs have in common that die where they are told, and work on when started again."""

import argparse
import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from outgrow import crash
from outgrow.clock import ManualClock
from outgrow.process import Application, start_application
from outgrow.testing.world import WORLDS
from outgrow.topology import read_topology
from tests.crash import mutants

SAVE_SECONDS = 1.1
"""After so long a consumer saves how far it has come."""


def say(**fields: Any) -> None:
    """Tell whoever started this program, as a line of JSON."""
    sys.stdout.write(json.dumps(fields) + "\n")
    sys.stdout.flush()


def replied(key: str, reply: Any) -> None:
    """A client was told *reply*."""
    say(key=key, reply=reply)
    crash.at("client.after_reply")


class Life:
    """
    What one process of a story is told.

    Attributes:
        state: The folder of its stores.
        number: How many lives were before it.
        clock: Its application's; each life is an hour after the one before.
    """

    def __init__(self, told: argparse.Namespace, topology: Path) -> None:
        self.state: Path = told.state
        self.number: int = told.life
        self.clock = ManualClock(datetime(2030, 1, 1, tzinfo=UTC) + timedelta(hours=self.number))
        self._world: str = told.world
        self._topology = topology

    def start(self) -> AbstractAsyncContextManager[Application]:
        """Start the application on what the lives before have left."""
        options = replace(WORLDS[self._world], state=self.state, clock=self.clock)
        return start_application(read_topology(self._topology), options)

    async def settle(self, application: Application) -> None:
        """Let everything arrive, and let every consumer save where it is."""
        while (wait_seconds := await application.settle()) is not None:
            self.clock.advance(wait_seconds)
        self.clock.advance(SAVE_SECONDS)
        await application.settle()


async def hold(life: Life) -> None:
    """Keep the stores open until somebody ends this process."""
    async with life.start():
        say(open=True)
        await asyncio.to_thread(sys.stdin.read)


def main(
    topology: Path,
    live: Callable[[Life], Awaitable[None]],
    prepare: Callable[[], None] | None = None,
) -> None:
    """
    Read the command line, and live one life.

    Args:
        prepare: Called before anything else in the first life.
    """
    parser = argparse.ArgumentParser()
    parser.add_argument("state", type=Path)
    parser.add_argument("--life", type=int, default=0, help="lives before this one")
    parser.add_argument("--world", default="together")
    parser.add_argument("--die", nargs=2, metavar=("POINT", "NTH"))
    parser.add_argument("--mutant", help="the bug that is planted")
    parser.add_argument("--hold", action="store_true", help="stay open until standard input ends")
    told = parser.parse_args()
    if prepare is not None and told.life == 0:
        prepare()
    if told.mutant:
        mutants.plant(told.mutant)
    if told.die:
        crash.arm(told.die[0], int(told.die[1]))
    passed = crash.count()
    life = Life(told, topology)
    asyncio.run(_run(hold if told.hold else live, life))
    say(passed=passed)


async def _run(what: Callable[[Life], Awaitable[None]], life: Life) -> None:
    await what(life)
