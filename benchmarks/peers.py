"""
The same work by others: SQLAlchemy's asyncio layer, eventsourcing, FastStream. With ``PEERS=1``.

They run in a process and an environment of their own, from `requirements/peers.txt`, which
``PEERS=1 make bench`` makes. Rounds alternate; the ratio is ours to theirs. What theirs does not do
stands in ``of``.
"""

import asyncio
import os
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from time import perf_counter
from typing import Any
from urllib.parse import parse_qs, urlsplit

from benchmarks.journal_nats import listener, options, plan, server
from benchmarks.measure import alternate_async
from benchmarks.running import ACCOUNTS, COMMANDS, count_at_once, running
from benchmarks.store_postgres import open_store_of, serving
from benchmarks.store_sqlite import SINGLE
from outgrow.journal import SCHEMA
from outgrow.journal.nats import nats_broker
from outgrow.process import leashed, start_application
from outgrow.store import Store, Transaction

ENVIRONMENT = Path(__file__).parent.parent / ".venv-peers"
SIDES = Path(__file__).parent / "sides"
SECONDS_MAX = 120.0
FEW = 640
"""Commands of a round with a peer that is slow."""


class Peer:
    """The other side, and how it is asked."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def rate(self, tasks: int, commands: int, *more: int) -> float:
        """What it does a second by that many tasks, or what else its side measures."""
        assert self._process.stdin is not None
        numbers = " ".join(map(str, (tasks, commands, *more)))
        self._process.stdin.write(f"{numbers}\n".encode())
        return float(await self.line())

    async def line(self) -> str:
        """Its next line."""
        assert self._process.stdout is not None
        async with asyncio.timeout(SECONDS_MAX):
            line = (await self._process.stdout.readline()).decode().strip()
        assert line, "the peer has ended"
        return line


@asynccontextmanager
async def peer(side: str, *words: str) -> AsyncIterator[Peer]:
    """The *side* in a process of its own, from its start to its end."""
    python = ENVIRONMENT / "bin" / "python"
    process = await asyncio.create_subprocess_exec(
        *leashed(str(python), str(SIDES / f"with_{side}.py"), *words),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        other = Peer(process)
        assert await other.line() == "ready"
        yield other
    finally:
        process.kill()
        await process.wait()


async def _commands(
    client: Any, other: Peer, tasks: int, few: int, *, name: str, of: str
) -> dict[str, Any]:
    commands = SINGLE if tasks == 1 else COMMANDS // tasks * tasks

    async def ours() -> float:
        started = perf_counter()
        await count_at_once(client, tasks, commands)
        return commands / (perf_counter() - started)

    rounds = await alternate_async(ours, lambda: other.rate(tasks, min(commands, few)))
    return rounds.figure(name, "commands/s", of=of)


async def _sqlalchemy_on_sqlite(folder: Path) -> list[dict[str, Any]]:
    ddl = folder / "tables.sql"
    await asyncio.to_thread(ddl.write_text, f"{SCHEMA.tables}\n{ACCOUNTS.read_text()}")
    url = f"sqlite+aiosqlite:///{folder}/peer.sqlite3"
    async with running("counting") as (_, client), peer("sqlalchemy", url, str(ddl)) as other:
        return [
            await _commands(
                client,
                other,
                tasks,
                FEW,
                name=f"peers.sqlalchemy.sqlite.{tasks}",
                of="SQLAlchemy async on aiosqlite, the same rows",
            )
            for tasks in (1, 64)
        ]


async def _sqlalchemy_on_postgres(pg: Any) -> list[dict[str, Any]]:
    url = await pg.database("sqlalchemy")
    async with await open_store_of(url):
        pass
    os.environ["OUTGROW_STORE_COUNTING"] = await pg.database("counted")
    try:
        async with (
            running("counting") as (_, client),
            peer("sqlalchemy", url.replace("postgresql://", "postgresql+asyncpg://"), "") as other,
        ):
            return [
                await _commands(
                    client,
                    other,
                    tasks,
                    COMMANDS,
                    name=f"peers.sqlalchemy.postgres.{tasks}",
                    of="SQLAlchemy async on asyncpg, the same rows, read committed",
                )
                for tasks in (1, 64)
            ]
    finally:
        del os.environ["OUTGROW_STORE_COUNTING"]


async def _eventsourcing(store: Store, kind: str, *settings: str) -> list[dict[str, Any]]:
    from counting.contract import Counted  # noqa: PLC0415 - importable by now

    async def record(tx: Transaction, account_id: int) -> None:
        await tx.record(Counted(account_id=account_id, count=1))

    figures = []
    async with peer("eventsourcing", *settings) as other:
        for tasks, events in ((1, SINGLE), (64, 2 * COMMANDS)):

            async def append(account_id: int, count: int) -> None:
                for _ in range(count):
                    await store.transact(record, account_id)

            async def ours(tasks: int = tasks, events: int = events) -> float:
                started = perf_counter()
                async with asyncio.TaskGroup() as group:
                    for task in range(tasks):
                        group.create_task(append(task, events // tasks))
                return events / (perf_counter() - started)

            async def theirs(tasks: int = tasks) -> float:
                return await other.rate(tasks, FEW)

            rounds = await alternate_async(ours, theirs)
            threads = "1 thread" if tasks == 1 else "16 threads"
            name = f"peers.eventsourcing.{kind}.{tasks}"
            of = f"eventsourcing, one event a save, {threads}"
            figures.append(rounds.figure(name, "events/s", of=of))
    return figures


def _postgres_settings(url: str) -> list[str]:
    parts = urlsplit(url)
    return [
        "PERSISTENCE_MODULE=eventsourcing.postgres",
        f"POSTGRES_DBNAME={parts.path.strip('/')}",
        f"POSTGRES_HOST={parse_qs(parts.query)['host'][0]}",
        "POSTGRES_PORT=5432",
        f"POSTGRES_USER={parts.username}",
        f"POSTGRES_PASSWORD={parts.password}",
    ]


async def _faststream(folder: Path) -> dict[str, Any]:
    async with server(folder / "nats") as url:
        chosen = options(folder / "state", "counting", broker=nats_broker(url))
        async with (
            start_application(plan(folder), chosen) as counting,
            listener(folder, url) as heard,
            peer("faststream", url, str(folder / "peer.sqlite3")) as other,
        ):
            from counting.contract import Counting  # noqa: PLC0415 - importable from here on

            client, total = counting.client(Counting), 0
            commands = COMMANDS // 64 * 64
            await heard.wait_handled(0)

            async def ours() -> float:
                nonlocal total
                total += commands
                started = perf_counter()
                await count_at_once(client, 64, commands)
                await heard.wait_handled(total)
                return commands / (perf_counter() - started)

            rounds = await alternate_async(ours, lambda: other.rate(64, commands))
    return rounds.figure(
        "peers.faststream.nats.64",
        "events/s",
        of="FastStream, publish and handle with one commit; no command, journal or inbox",
    )


async def _on_sqlite() -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory(prefix="outgrow-") as name:
        folder = Path(name)
        figures = await _sqlalchemy_on_sqlite(folder)
        async with await open_store_of(folder / "events.sqlite3") as store:
            module = "PERSISTENCE_MODULE=eventsourcing.sqlite"
            file = f"SQLITE_DBNAME={folder}/eventsourcing.sqlite3"
            return figures + await _eventsourcing(store, "sqlite", module, file)


async def _on_postgres() -> list[dict[str, Any]]:
    async with serving() as (pg, _):
        figures = await _sqlalchemy_on_postgres(pg)
        settings = _postgres_settings(await pg.database("eventsourcing"))
        async with await open_store_of(await pg.database("appended")) as store:
            return figures + await _eventsourcing(store, "postgres", *settings)


async def _on_nats() -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory(prefix="outgrow-") as name:
        return [await _faststream(Path(name))]


def run() -> Iterator[dict[str, Any]]:
    """The figures of others, if they are asked for."""
    if os.environ.get("PEERS") != "1":
        return
    if not (ENVIRONMENT / "bin" / "python").exists():
        print("benchmarks: PEERS=1 make bench makes the environment of peers", file=sys.stderr)
        return
    for measure in (_on_sqlite, _on_postgres, _on_nats):
        yield from asyncio.run(measure())
