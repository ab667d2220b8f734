"""
How the tests read stores, without the framework that wrote them.

SQLite's files are copied before they are opened, because opening a killed database repairs it, and
that is for the next life to do.
"""

import asyncio
import os
import shutil
import sqlite3
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import asyncpg

from outgrow.clock import SystemClock

Row = tuple[Any, ...]

SERVER_SECONDS_MAX = 10.0
"""How long a server may take to notice that a client is dead."""

_OTHERS = (
    "select count(*) from pg_stat_activity "
    "where datname = current_database() and pid <> pg_backend_pid()"
)


class Tables(ABC):
    """The tables of several services."""

    @abstractmethod
    def rows(self, service: str, sql: str, *parameters: Any) -> list[Row]:
        """What *sql* gives; nothing if the service died before it had such a table."""

    def number(self, service: str, sql: str, *parameters: Any) -> int:
        """The one number that *sql* gives; 0 if there is none."""
        rows = self.rows(service, sql, *parameters)
        return int(rows[0][0]) if rows else 0

    def check(self, service: str) -> str:
        """``ok``, or what the database itself finds wrong."""
        raise NotImplementedError


class SqliteTables(Tables):
    """
    Copies of the files of one state.

    Args:
        state: The folder that the application was given.
        services: Whose files are read.
        folder: Where the copies go.
        stack: Closes them.
        log_share: How much of each write-ahead log is there, if the machine died as well.
    """

    def __init__(
        self,
        state: Path,
        services: Collection[str],
        folder: Path,
        stack: ExitStack,
        log_share: float = 1.0,
    ) -> None:
        self._raw: dict[str, sqlite3.Connection] = {}
        for service in services:
            for path in (state / "store").glob(f"{service}.sqlite3*"):
                if not path.name.endswith(("-shm", ".lock")):
                    copy = Path(shutil.copy(path, folder / path.name))
                    if path.name.endswith("-wal"):
                        os.truncate(copy, int(path.stat().st_size * log_share))
            raw = sqlite3.connect(folder / f"{service}.sqlite3")
            self._raw[service] = stack.enter_context(closing(raw))

    def rows(self, service: str, sql: str, *parameters: Any) -> list[Row]:
        try:
            return self._raw[service].execute(sql, parameters).fetchall()
        except sqlite3.OperationalError as error:
            if "no such table" not in str(error):
                raise
            return []

    def check(self, service: str) -> str:
        return str(self.rows(service, "pragma quick_check")[0][0])


@contextmanager
def sqlite_tables(
    state: Path, services: Collection[str], log_share: float = 1.0
) -> Iterator[SqliteTables]:
    """The tables of *services* below *state*."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="outgrow-crash-")))
        yield SqliteTables(state, services, folder, stack, log_share)


class PostgresTables(Tables):
    """Databases of one server, by service."""

    def __init__(self, runner: asyncio.Runner, connections: dict[str, Any]) -> None:
        self._runner = runner
        self._connections = connections

    def rows(self, service: str, sql: str, *parameters: Any) -> list[Row]:
        return self._runner.run(self._rows(service, sql, parameters))

    async def _rows(self, service: str, sql: str, parameters: tuple[Any, ...]) -> list[Row]:
        for number in range(1, len(parameters) + 1):
            sql = sql.replace("?", f"${number}", 1)
        try:
            found = await self._connections[service].fetch(sql, *parameters)
        except asyncpg.UndefinedTableError:
            return []
        return [tuple(row) for row in found]

    def check(self, service: str) -> str:
        return "ok"


@contextmanager
def postgres_tables(urls: Mapping[str, str]) -> Iterator[PostgresTables]:
    """
    The tables of the databases at *urls*, by service.

    What a killed process had begun is over when they are read.
    """
    with asyncio.Runner() as runner:
        connections = runner.run(_connect(urls))
        try:
            yield PostgresTables(runner, connections)
        finally:
            for connection in connections.values():
                runner.run(connection.close())


async def _connect(urls: Mapping[str, str]) -> dict[str, Any]:
    clock = SystemClock()
    connections = {service: await asyncpg.connect(url) for service, url in urls.items()}
    until = clock.monotonic() + SERVER_SECONDS_MAX
    for connection in connections.values():
        while await connection.fetchval(_OTHERS):
            assert clock.monotonic() < until, "the server holds on to a client that is dead"
            await clock.sleep(0.005)
    return connections
