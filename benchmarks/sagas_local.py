"""
What sagas of three steps cost, against raw sqlite3 that commits each step by itself.

Raw writes a row for each step and a row that says that it was done, with one fsync for both; it has
no undo, no arguments, no reply and no key, and goes on nowhere after a crash. Commits are counted
by the stores.
"""

import asyncio
import itertools
import sqlite3
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from time import perf_counter
from typing import Any

from benchmarks.measure import alternate_async
from benchmarks.running import import_from_app, raw_sqlite
from outgrow.process import Application, Options, start_application
from outgrow.topology import read_topology

SINGLE = 300
MANY = 2_560
SERVICES = ("traveling", "lodging", "flying", "billing")
TABLES = """
create table legs (trip_id text not null, leg integer not null, primary key (trip_id, leg));
create table steps (trip_id text not null, leg integer not null, primary key (trip_id, leg));
"""
ROOM = "[calls]\nconcurrency = 128\n"
"""64 callers in a loop, after one, would be an overload to the adaptive limit."""

GOALS = {"local": {1: 0.2, 64: 2.0}, "four_services": {1: 0.07, 64: 1.2}}

trips = itertools.count(1)


@asynccontextmanager
async def traveling() -> AsyncIterator[tuple[Application, Any]]:
    """The four services on empty stores, and a client of the one that has sagas."""
    with tempfile.TemporaryDirectory(prefix="outgrow-") as state:
        file = Path(state, "outgrow.toml")
        named = ", ".join(f'"{service}"' for service in SERVICES)
        text = f'[app]\nname = "benchmark"\nservices = [{named}]\n{ROOM}'
        file.write_text(text)  # noqa: ASYNC240 - before anything runs
        import_from_app()
        async with start_application(read_topology(file), Options()) as application:
            from traveling.contract import Traveling  # noqa: PLC0415 - importable from here on

            yield application, application.client(Traveling)


async def travel_at_once(travel: Any, tasks: int, count: int) -> float:
    """Sagas a second, of *count* by that many tasks."""

    async def some() -> None:
        for _ in range(count // tasks):
            await travel(f"trip-{next(trips)}")

    started = perf_counter()
    async with asyncio.TaskGroup() as group:
        for _ in range(tasks):
            group.create_task(some())
    return count // tasks * tasks / (perf_counter() - started)


def travel_raw(raw: sqlite3.Connection, count: int) -> float:
    """Trips a second of raw sqlite3, one commit for each of their steps."""
    started = perf_counter()
    for _ in range(count):
        trip = f"trip-{next(trips)}"
        for leg in (1, 2, 3):
            raw.execute("begin immediate")
            raw.execute("insert into legs (trip_id, leg) values (?, ?)", (trip, leg))
            raw.execute("insert into steps (trip_id, leg) values (?, ?)", (trip, leg))
            raw.execute("commit")
    return count / (perf_counter() - started)


async def _figures() -> list[dict[str, Any]]:
    figures = []
    async with traveling() as (application, client):
        with raw_sqlite() as raw:
            raw.executescript(TABLES)
            for name, travel in (("local", client.travel_here), ("four_services", client.travel)):
                for tasks, count in ((1, SINGLE), (64, MANY)):

                    async def ours(
                        travel: Any = travel, tasks: int = tasks, n: int = count
                    ) -> float:
                        return await travel_at_once(travel, tasks, n)

                    async def theirs() -> float:
                        return travel_raw(raw, SINGLE)

                    rounds = await alternate_async(ours, theirs)
                    commits = await _commits(application, travel, tasks, count)
                    figures.append(
                        rounds.figure(
                            f"sagas.{name}.{tasks}",
                            "sagas/s",
                            of="raw sqlite3, one commit a step",
                            goal=GOALS[name][tasks],
                            units_per_saga=commits,
                        )
                    )
    return figures


async def _commits(application: Application, travel: Any, tasks: int, count: int) -> float:
    """How many units of work a saga takes, in all stores."""

    async def units() -> float:
        told = await application.statistics()
        return float(sum(store["units"] for store in told["stores"].values()))

    before = await units()
    await travel_at_once(travel, tasks, count)
    return round((await units() - before) / count, 2)


def run() -> Iterator[dict[str, Any]]:
    """The figures of sagas."""
    yield from asyncio.run(_figures())
