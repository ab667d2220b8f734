"""One process of the journal's shop, for tests that stop and kill it: ``python -m ... JSON``."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from outgrow import crash
from outgrow.clock import SystemClock
from tests.crash import mutants
from tests.journal.shop import Shop
from tests.journal.test_replicas import running

LOOK_SECONDS = 0.02


def say(what: dict[str, Any]) -> None:
    """Tell the test."""
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


def stop_once_at(wanted: str) -> None:
    """Let this process be frozen, as by SIGSTOP, when it passes the crash point *wanted*."""
    original = crash.at
    has_stopped = False

    def at(point: str) -> None:
        nonlocal has_stopped
        if point == wanted and not has_stopped:
            has_stopped = True
            say({"stopped": point})
            os.kill(os.getpid(), signal.SIGSTOP)
        original(point)

    crash.at = at  # type: ignore[assignment]


async def main(given: dict[str, Any]) -> None:
    clock = SystemClock()
    shop = Shop(Path(given["folder"]), clock, given["urls"], lease_seconds=given["lease_seconds"])
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    said = None
    async with running(shop):
        while not stop.is_set():
            told = {
                name: {"leads": one["leads"], "epoch": one["epoch"], "share": one["partitions"]}
                for name, one in shop.delivery.replicas().items()
            }
            told["superseded"] = shop.delivery.replicas()["orders"]["superseded"]
            if told != said:
                say(told)
                said = told
            await clock.sleep(LOOK_SECONDS)


if __name__ == "__main__":
    arguments = json.loads(sys.argv[1])
    if arguments["mutant"]:
        mutants.plant(arguments["mutant"])
    if arguments["stop_at"]:
        stop_once_at(arguments["stop_at"])
    asyncio.run(main(arguments))
