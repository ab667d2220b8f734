"""
A process with sagas that sleep: ``python -m benchmarks.sides.sleeping STATE COUNT NAPS SECONDS``.

*COUNT* sleep for a year; *NAPS* more wake evenly over *SECONDS*, beginning when it is ready. All
are rows that copy those of one saga which was begun and fell asleep in truth. Prints one JSON
object: the start, its memory before and after it, and how late those were that woke.
"""

import asyncio
import json
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from time import perf_counter
from typing import Any

from benchmarks.running import import_from_app
from outgrow.calls import using
from outgrow.clock import SystemClock
from outgrow.context import new_id
from outgrow.errors import StillRunning
from outgrow.journal import time_text
from outgrow.process import Application, Options, start_application
from outgrow.topology import read_topology

STORE = Path("store", "napping.sqlite3")
READY_SECONDS = 3.0


@asynccontextmanager
async def napping(state: Path) -> AsyncIterator[tuple[Application, Any]]:
    """The service on the stores in *state*, and a client of it."""
    file = state / "outgrow.toml"
    file.write_text('[app]\nname = "benchmark"\nservices = ["napping"]\n')
    import_from_app()
    async with start_application(read_topology(file), Options(state=state)) as application:
        from napping.contract import Napping  # noqa: PLC0415 - importable from here on

        yield application, application.client(Napping)


async def fall_asleep(state: Path) -> None:
    """Begin one saga, which sleeps then."""
    async with napping(state) as (application, client):
        try:
            until = SystemClock().now() + timedelta(days=365)
            await using(client, deadline=0.5).nap(until)
        except StillRunning:
            await application.settle()


def copy(state: Path, moments: list[datetime]) -> None:
    """Make as many copies of the one that sleeps, each until its moment."""
    with sqlite3.connect(state / STORE) as store:
        store.row_factory = sqlite3.Row
        (saga,) = store.execute("select * from outgrow_saga where state = 'waiting' limit 1")
        steps = store.execute("select * from outgrow_step where saga = ?", (saga["id"],)).fetchall()
        sagas, rows = [], []
        for moment in moments:
            name = f"napping-{new_id()}"
            arguments = json.dumps({"until": moment.isoformat().replace("+00:00", "Z")})
            new = {"id": name, "key": name, "arguments": arguments, "due_at": time_text(moment)}
            sagas.append(tuple((dict(saga) | new).values()))
            for step in steps:
                own = {"saga": name}
                if step["kind"] == "sleep":
                    own |= {"arguments": moment.isoformat(), "result": time_text(moment)}
                rows.append(tuple((dict(step) | own).values()))
        for table, values in (("outgrow_saga", sagas), ("outgrow_step", rows)):
            marks = ", ".join("?" * len(values[0]))
            store.executemany(f"insert into {table} values ({marks})", values)
    store.close()


def memory_bytes() -> int:
    """What the process holds in memory now."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS"))


async def main(state: str, count: str, naps: str, seconds: str) -> None:
    """Prepare, start, and watch them wake."""
    folder, many = Path(state), int(naps)
    await fall_asleep(folder)
    far = SystemClock().now() + timedelta(days=400)
    if int(count):
        copy(folder, [far + timedelta(seconds=n) for n in range(int(count))])
    begin = SystemClock().now() + timedelta(seconds=READY_SECONDS)
    if many:
        apart = timedelta(seconds=float(seconds) / many)
        copy(folder, [begin + apart * n for n in range(many)])
    before, started = memory_bytes(), perf_counter()
    async with napping(folder) as (application, _):
        told: dict[str, Any] = {
            "start_seconds": perf_counter() - started,
            "memory_before_bytes": before,
            "memory_bytes": memory_bytes(),
        }
        engine = application.sagas.keepings["napping"].engine
        late = engine.service.late_seconds
        while len(late) < many:
            await application.clock.sleep(0.05)
        if many:
            await application.settle()
            over = (SystemClock().now() - begin).total_seconds()
            late.sort()
            told |= {
                "late_seconds": [late[many // 2], late[many * 99 // 100], late[-1]],
                "seconds": over,
                "memory_awake_bytes": memory_bytes(),
            }
    sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
