"""
What a transactional command costs, against raw sqlite3 that writes the same rows as durably.

A command is called through its client, and commits an update, an event, its key and its reply. Raw
sqlite3 prepares nothing, encodes nothing and has no savepoints; it commits after each command, or
after 64 of them, as the store does when 64 tasks call at once.
"""

import asyncio
import sqlite3
from collections.abc import Iterator
from time import perf_counter
from typing import Any

from benchmarks.measure import alternate_async
from benchmarks.running import COMMANDS, count_at_once, raw_sqlite, running

UPDATE = "update accounts set count = count + 1 where account_id = ?"
EVENT = (
    "insert into outgrow_journal (id, kind, type, schema, key, partition, cause, correlation_id,"
    " trace, caller, recorded_at, body) values (?, 'event', 'counting.Counted', 1, ?, 7, ?, ?, ?,"
    " ?, ?, ?)"
)
REPLY = (
    "insert into outgrow_inbox (method, caller, key, arguments_hash, state, reply, expires_at)"
    " values ('counting.count', 'system:outgrow', ?, ?, 'reply', '1', ?)"
)
ID = "01a206a1-9529-7cfd-a801-"
TRACE = "00-6d854bf9a3c569dca25ba373d6673b7b-345bf7a20d3ed1cb-01"
CALLER = '{"kind":"system","subject":"outgrow","permissions":["*"],"tenant":null}'
TIME = "2026-11-23T04:19:42.507640+00:00"
BODY = '{"account_id":7,"count":1}'
READS = 4_000
SINGLE = 1_500
BUSY_SECONDS = 1.0
SLICE_SECONDS = 0.001


def write_raw(raw: sqlite3.Connection, commands: int, group: int, *, keyed: bool) -> float:
    """Commands a second of raw sqlite3, *group* of them in each commit."""
    if not hasattr(write_raw, "serial"):
        write_raw.serial = 0  # type: ignore[attr-defined]
    started = perf_counter()
    for _ in range(commands // group):
        raw.execute("begin immediate")
        for account_id in range(group):
            serial = write_raw.serial = write_raw.serial + 1  # type: ignore[attr-defined]
            key = f"{serial:064x}"
            raw.execute(UPDATE, (account_id,))
            raw.execute(EVENT, (f"{ID}{serial:012x}", "7", key, ID, TRACE, CALLER, TIME, BODY))
            if keyed:
                raw.execute(REPLY, (key, key, TIME))
        raw.execute("commit")
    return commands / (perf_counter() - started)


async def _transactional() -> list[dict[str, Any]]:
    figures = []
    async with running("counting") as (_, client):
        with raw_sqlite() as raw:
            for tasks, commands, goal in ((1, SINGLE, 0.6), (64, 8 * COMMANDS, 0.45)):

                async def ours(tasks: int = tasks, commands: int = commands) -> float:
                    started = perf_counter()
                    await count_at_once(client, tasks, commands)
                    return commands / (perf_counter() - started)

                for suffix, keyed in (("", True), (".unkeyed_baseline", False)):

                    async def theirs(
                        tasks: int = tasks, commands: int = commands, *, keyed: bool = keyed
                    ) -> float:
                        return write_raw(raw, commands, tasks, keyed=keyed)

                    rounds = await alternate_async(ours, theirs)
                    more = {"goal": goal} if keyed else {}
                    figures.append(
                        rounds.figure(
                            f"store.sqlite.transactional.{tasks}{suffix}",
                            "commands/s",
                            of=f"raw sqlite3, {tasks} to a commit"
                            + ("" if keyed else ", without the key and reply"),
                            **more,
                        )
                    )
    return figures


async def _busy_loop() -> dict[str, Any]:
    """Commands of one task beside another that is busy in slices of a millisecond."""
    async with running("counting") as (_, client):

        async def beside_busy_loop() -> float:
            done = 0
            busy = asyncio.ensure_future(_be_busy())  # noqa: TID251 - ended two lines below
            while not busy.done():
                await client.count(1)
                done += 1
            return done / BUSY_SECONDS

        async def alone() -> float:
            started = perf_counter()
            await count_at_once(client, 1, SINGLE)
            return SINGLE / (perf_counter() - started)

        rounds = await alternate_async(beside_busy_loop, alone)
        return rounds.figure("store.sqlite.busy_loop", "commands/s", of="the same, alone")


async def _be_busy() -> None:
    end = perf_counter() + BUSY_SECONDS
    while perf_counter() < end:
        until = perf_counter() + SLICE_SECONDS
        while perf_counter() < until:
            pass
        await asyncio.sleep(0)  # noqa: TID251 - what a program that is always busy does


async def _read() -> dict[str, Any]:
    async with running("counting") as (application, client):
        store = application._stores["counting"]  # noqa: SLF001 - below the client on purpose
        await client.count(1)

        async def ours() -> float:
            started = perf_counter()
            for _ in range(READS):
                async with store.read() as snapshot:
                    await snapshot.fetch_one(
                        int, "select count from accounts where account_id = :id", id=7
                    )
            return (perf_counter() - started) / READS * 1e6

        with raw_sqlite() as raw:

            async def theirs() -> float:
                started = perf_counter()
                for _ in range(READS):
                    raw.execute("select count from accounts where account_id = ?", (7,)).fetchone()
                return (perf_counter() - started) / READS * 1e6

            rounds = await alternate_async(ours, theirs)
    return rounds.figure("store.sqlite.read", "us", of="one SELECT by raw sqlite3")


def run() -> Iterator[dict[str, Any]]:
    """The figures of the store."""
    yield from asyncio.run(_transactional())
    yield asyncio.run(_busy_loop())
    yield asyncio.run(_read())
