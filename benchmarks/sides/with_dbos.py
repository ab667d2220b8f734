# Its library is not in the environment of our tools.
# mypy: ignore-errors
# ruff: noqa: ANN001, ANN201, ANN202
"""
Three durable steps by DBOS: ``with_dbos.py URL LEDGER``.

Each step inserts a row into a SQLite file of the user's; DBOS notes what it returned in its own
database. It has no undo. Its steps are asynchronous functions, so that 64 workflows share a loop.
"""

import asyncio
import itertools
import sqlite3
import sys
from time import perf_counter

from dbos import DBOS, DBOSConfig
from serving import serve

TABLE = (
    "create table legs (trip_id text not null, leg integer not null, primary key (trip_id, leg))"
)
numbers = itertools.count(1)
ledger = sqlite3.connect(sys.argv[2], isolation_level=None, check_same_thread=False)
ledger.execute("pragma journal_mode = wal")
ledger.execute("pragma synchronous = full")
ledger.execute(TABLE)


@DBOS.step()
async def take(trip_id, leg):
    ledger.execute("insert into legs (trip_id, leg) values (?, ?)", (trip_id, leg))


@DBOS.workflow()
async def travel(trip_id):
    for leg in (1, 2, 3):
        await take(trip_id, leg)


async def measure(tasks, count):
    async def some():
        for _ in range(count // tasks):
            await travel(f"trip-{next(numbers)}")

    started = perf_counter()
    async with asyncio.TaskGroup() as group:
        for _ in range(tasks):
            group.create_task(some())
    return count // tasks * tasks / (perf_counter() - started)


async def main():
    config: DBOSConfig = {
        "name": "benchmark",
        "system_database_url": sys.argv[1],
        "log_level": "ERROR",
        "run_admin_server": False,
    }
    DBOS(config=config)
    DBOS.launch()
    await serve(measure)


asyncio.run(main())
