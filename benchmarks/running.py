"""The application of the benchmarks, running on empty stores, and raw SQLite beside it."""

import asyncio
import sqlite3
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from outgrow.journal import SCHEMA
from outgrow.process import Application, Options, start_application
from outgrow.topology import read_topology

FOLDER = Path(__file__).parent / "app"
ACCOUNTS = FOLDER / "counting" / "migrations" / "0001_accounts.sql"
COMMANDS = 4_000


@asynccontextmanager
async def running(*services: str) -> AsyncIterator[tuple[Application, Any]]:
    """The application with these services only, and a client of counting."""
    with tempfile.TemporaryDirectory(prefix="outgrow-") as state:
        file = Path(state, "outgrow.toml")
        named = ", ".join(f'"{service}"' for service in services)
        file.write_text(  # noqa: ASYNC240 - before anything runs
            f'[app]\nname = "benchmark"\nservices = [{named}]\n'
        )
        import_from_app()
        async with start_application(read_topology(file), Options()) as application:
            from counting.contract import Counting  # noqa: PLC0415 - importable from here on

            yield application, application.client(Counting)


def import_from_app() -> None:
    """Let the services of the benchmarks be imported."""
    import sys  # noqa: PLC0415

    if str(FOLDER) not in sys.path:
        sys.path.insert(0, str(FOLDER))


async def count_at_once(client: Any, tasks: int, commands: int = COMMANDS) -> None:
    """Give *commands* commands from that many tasks."""

    async def give(account_id: int) -> None:
        for _ in range(commands // tasks):
            await client.count(account_id)

    async with asyncio.TaskGroup() as group:
        for task in range(tasks):
            group.create_task(give(task % 64))


@contextmanager
def raw_sqlite() -> Iterator[sqlite3.Connection]:
    """A bare connection with the tables of a service, as durable as a store."""
    with tempfile.TemporaryDirectory(prefix="outgrow-") as folder:
        connection = sqlite3.connect(Path(folder, "raw.sqlite3"), isolation_level=None)
        connection.execute("pragma journal_mode = wal")
        connection.execute("pragma synchronous = full")
        connection.executescript(SCHEMA.tables)
        connection.executescript(ACCOUNTS.read_text())
        yield connection
        connection.close()
