"""
The lists as a process that appends to them as fast as it can, until it is told the end or killed.

``python -m tests.faults.appending STATE TOTAL [--twice] [--seconds N]`` goes on where the process
before it was killed. What was acknowledged stands in ``STATE/acknowledged``, a line each;
when the source holds TOTAL values and all is delivered, it says so and ends; after N seconds it
ends with what is under way.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import random
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TextIO

from outgrow import using
from outgrow.errors import CallError
from outgrow.process import Application, start_application
from outgrow.testing.world import WORLDS
from outgrow.topology import read_topology
from tests.crash.program import say
from tests.faults.lists.source.contract import Source

TOPOLOGY = Path(__file__).parent / "lists" / "outgrow.toml"
CLIENTS = 24
LISTS_PER_CLIENT = 4
VALUES_MAX = 24
"""The most that one append appends."""


Append = tuple[str, str, list[int]]
"""Its key, the list, and the values."""


def plan(client: int, total: int) -> Iterator[Append]:
    """The appends of one client; the same in each life."""
    chance = random.Random(f"client {client}")
    counts = dict.fromkeys(range(LISTS_PER_CLIENT), 0)
    said, number = 0, 0
    while said < total:
        count = min(chance.randint(1, VALUES_MAX), total - said)
        which = chance.randrange(LISTS_PER_CLIENT)
        values = list(range(counts[which], counts[which] + count))
        yield f"{client}-{number}", f"list-{client}-{which}", values
        counts[which] += count
        said, number = said + count, number + 1


def shares(total: int) -> list[int]:
    """How many values each client appends."""
    return [total // CLIENTS + (client < total % CLIENTS) for client in range(CLIENTS)]


def read_acknowledged(state: Path) -> set[str]:
    """The keys of all that was acknowledged, in whichever life."""
    path = state / "acknowledged"
    if not path.exists():
        return set()
    # The last line may be cut off where the process died.
    return set(path.read_text().rpartition("\n")[0].split())


async def append_all(
    application: Application, appends: Iterable[Append], until: float, file: TextIO
) -> None:
    """Append all that is not acknowledged yet, unless time is over before."""
    for key, name, values in appends:
        if application.clock.monotonic() > until:
            return
        while True:
            try:
                await using(application.client(Source), key=key, deadline=60.0).append(name, values)
            except CallError as error:
                if not error.may_have_run:
                    raise
            else:
                break
        file.write(f"{key}\n")
        file.flush()


async def work(state: Path, total: int, *, is_twice: bool, seconds: float) -> None:
    options = replace(WORLDS["together"], state=state)
    if is_twice:
        options = replace(options, source=WORLDS["wired"].source)
    known = read_acknowledged(state)
    with (state / "acknowledged").open("a") as file:
        async with start_application(read_topology(TOPOLOGY), options) as application:
            say(started=True)
            async with asyncio.TaskGroup() as group:
                until = application.clock.monotonic() + seconds
                for client, share in enumerate(shares(total)):
                    # What may be there is asked for again, under its key.
                    left = (append for append in plan(client, share) if append[0] not in known)
                    group.create_task(append_all(application, left, until, file))
            if math.isinf(seconds):
                while (pause_seconds := await application.settle()) is not None:
                    await application.clock.sleep(pause_seconds)
    say(done=True)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("state", type=Path)
    parser.add_argument("total", type=int)
    parser.add_argument("--twice", action="store_true", help="deliver every event twice")
    parser.add_argument("--seconds", type=float, default=math.inf, help="end after so long")
    told = parser.parse_args()
    told.state.mkdir(parents=True, exist_ok=True)
    asyncio.run(work(told.state, told.total, is_twice=told.twice, seconds=told.seconds))


if __name__ == "__main__":
    main()
