"""
What a transactional command costs on PostgreSQL, against pgbench running the same statements.

Both speak to one server, whose disk is synced, over its Unix socket: the embedded one of the wheel.
pgbench is a C program that encodes nothing; it has as many clients as ours has tasks. Their rounds
alternate.
"""

import asyncio
import os
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from time import perf_counter
from typing import Any

from benchmarks.measure import alternate_async
from benchmarks.running import ACCOUNTS, COMMANDS, count_at_once, running
from benchmarks.store_sqlite import BODY, CALLER, ID, READS, SINGLE, TIME, TRACE
from outgrow.clock import SystemClock
from outgrow.journal import SCHEMA, Outbox
from outgrow.store import Store, Transaction, open_store
from outgrow.testing import PostgresServer

SYNCED = {"fsync": "on", "full_page_writes": "on", "shared_buffers": "256MB"}


def _quoted(text: str) -> str:
    """*text* as a constant in which pgbench finds no variables."""
    return "E'" + text.replace(":", "\\x3a") + "'"


EVENT = (
    "insert into outgrow_journal (id, kind, type, schema, key, partition, cause, correlation_id,"
    " trace, caller, recorded_at, body) values (:id, 'event', 'counting.Counted', 1, '7', 7, :key,"
    f" '{ID}', '{TRACE}', {_quoted(CALLER)}, {_quoted(TIME)}, {_quoted(BODY)});"
)
SERIAL = "\\set id random(1, 9000000000000000)\n\\set key random(1, 9000000000000000)\n"
TRANSACTIONAL = f"""{SERIAL}begin isolation level %s;
update accounts set count = count + 1 where account_id = :client_id;
{EVENT}
insert into outgrow_inbox (method, caller, key, arguments_hash, state, reply, expires_at)
 values ('counting.count', {_quoted("system:outgrow")}, :key, :key, 'reply', '1', {_quoted(TIME)});
commit;
"""
APPEND = f"{SERIAL}{EVENT}\n"
APPENDS = 4 * COMMANDS
"""How many events a round of ours records."""


class Bench:
    """pgbench on a database that has the tables of a service."""

    def __init__(self, server: PostgresServer, url: str) -> None:
        self._program = server.cluster.command()[0].replace("bin/postgres", "bin/pgbench")
        self._url = url
        self._folder = tempfile.TemporaryDirectory(prefix="outgrow-")

    async def rate(self, script: str, clients: int, each: int) -> float:
        """Transactions a second of *script* by that many clients."""
        file = Path(self._folder.name, "script.sql")
        file.write_text(script)  # noqa: ASYNC240 - nothing else runs meanwhile
        process = await asyncio.create_subprocess_exec(
            self._program,
            *("-n", "-M", "prepared", "-c", str(clients), "-j", "2", "-t", str(each)),
            *("-f", str(file), self._url),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        out, complaint = await process.communicate()
        if process.returncode:
            raise RuntimeError(complaint.decode())
        (line,) = [line for line in out.decode().splitlines() if line.startswith("tps = ")]
        return float(line.split()[2])


@asynccontextmanager
async def serving() -> AsyncIterator[tuple[PostgresServer, Bench]]:
    """A server whose disk is synced, and pgbench on a service's tables there."""
    server = PostgresServer(settings=SYNCED)
    try:
        url = await server.database("raw")
        async with await open_store_of(url):
            pass
        # A role of a service has fewer connections than pgbench needs.
        yield server, Bench(server, server.admin_url.replace("/postgres?", "/raw?"))
    finally:
        server.close()


async def open_store_of(where: Path | str) -> Store:
    """The store of counting at *where*, without its service."""
    clock = SystemClock()
    return await open_store(
        where,
        application="raw",
        service="counting",
        clock=clock,
        schemas=[SCHEMA],
        migrations=ACCOUNTS.parent,
        outbox=Outbox("counting", clock),
    )


async def _transactional(server: PostgresServer, bench: Bench) -> list[dict[str, Any]]:
    figures = []
    os.environ["OUTGROW_STORE_COUNTING"] = await server.database("counting")
    async with running("counting") as (_, client):
        for tasks, commands, level, suffix in (
            (1, SINGLE, "read committed", ""),
            (64, COMMANDS, "read committed", ""),
            (64, COMMANDS, "serializable", ".serializable_baseline"),
        ):

            async def ours(tasks: int = tasks, commands: int = commands) -> float:
                started = perf_counter()
                await count_at_once(client, tasks, commands)
                return commands / (perf_counter() - started)

            async def theirs(
                tasks: int = tasks, commands: int = commands, level: str = level
            ) -> float:
                script = TRANSACTIONAL % level
                return await bench.rate(script, tasks, commands // tasks)

            rounds = await alternate_async(ours, theirs)
            more = {} if suffix else {"goal": 0.5}
            figures.append(
                rounds.figure(
                    f"store.postgres.transactional.{tasks}{suffix}",
                    "commands/s",
                    of=f"pgbench, {tasks} clients, {level}",
                    **more,
                )
            )
    return figures


async def _append(server: PostgresServer, bench: Bench) -> dict[str, Any]:
    from counting.contract import Counted  # noqa: PLC0415 - importable by now

    async def record(tx: Transaction, account_id: int) -> None:
        await tx.record(Counted(account_id=account_id, count=1))

    async with await open_store_of(await server.database("appending")) as store:

        async def append(account_id: int) -> None:
            for _ in range(APPENDS // 64):
                await store.transact(record, account_id)

        async def ours() -> float:
            started = perf_counter()
            async with asyncio.TaskGroup() as group:
                for task in range(64):
                    group.create_task(append(task))
            return APPENDS / (perf_counter() - started)

        async def theirs() -> float:
            return await bench.rate(APPEND, 64, COMMANDS // 64)

        rounds = await alternate_async(ours, theirs)
    return rounds.figure(
        "store.postgres.append.64", "events/s", of="pgbench's same insert, 64 clients", goal=3
    )


async def _read(server: PostgresServer, bench: Bench) -> dict[str, Any]:
    reads = READS // 4
    async with await open_store_of(await server.database("reading")) as store:

        async def ours() -> float:
            started = perf_counter()
            for _ in range(reads):
                async with store.read() as snapshot:
                    await snapshot.fetch_optional(
                        int, "select count from accounts where account_id = :id", id=7
                    )
            return (perf_counter() - started) / reads * 1e6

        async def theirs() -> float:
            script = "select count from accounts where account_id = 7;\n"
            return 1e6 / await bench.rate(script, 1, reads)

        rounds = await alternate_async(ours, theirs)
    return rounds.figure("store.postgres.read", "us", of="pgbench's same select")


async def _measure() -> list[dict[str, Any]]:
    async with serving() as (server, bench):
        figures = await _transactional(server, bench)
        figures.append(await _append(server, bench))
        figures.append(await _read(server, bench))
        return figures


def run() -> Iterator[dict[str, Any]]:
    """The figures of the store in PostgreSQL."""
    yield from asyncio.run(_measure())
