"""A process that tells one story and dies where it is told to: ``python -m ... JSON``."""

from __future__ import annotations

import asyncio
import importlib
import json
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

from outgrow import crash
from outgrow.clock import ManualClock
from outgrow.testing.sagas.trial import BEGAN, Trial


async def live(given: dict[str, Any]) -> list[str]:
    """One life: go on with what the one before has left, and tell the story if it is not told."""
    story = getattr(importlib.import_module(given["module"]), given["story"])
    clock = ManualClock(BEGAN + timedelta(seconds=given["life"]))
    trial = Trial(Path(given["file"]), Path(given["state"]), clock)
    async with trial.started():
        await trial.tell(story)
        states = await trial.finish()
        if given["invariant"] and "stuck" not in states:
            invariant = getattr(importlib.import_module(given["module"]), given["invariant"])
            await invariant(trial.client)
        return states


def main() -> None:
    """Read the command line, live, and say what became of the sagas and which points there are."""
    given = json.loads(sys.argv[1])
    passed = crash.count()
    if given["point"]:
        crash.arm(given["point"], given["nth"])
    states = asyncio.run(live(given))
    sys.stdout.write(json.dumps({"states": states, "passed": passed}) + "\n")


if __name__ == "__main__":
    main()
