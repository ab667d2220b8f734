"""What a process that is killed runs on: a disk that loses power with it, or databases."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from outgrow.testing import PostgresServer
from tests.crash.harness import Machine, seed
from tests.crash.reading import Tables, postgres_tables
from tests.faults.power.disk import Disk

STORES = ("sqlite", "postgres")
"""Where the stories of processes that are killed have their stores."""

SERVICES = ("desk", "ledger", "mail", "source", "copies", "giro", "north", "south", "fees")
"""All services of the stories."""


class Mains(Machine):
    """
    A machine that loses power whenever its process dies.

    Args:
        state: The folder whose disk it is.
        library: What notes the changes.
    """

    def __init__(self, state: Path, library: Path) -> None:
        self._disk = Disk(state, state.with_name(f"{state.name}-disk"), library)
        self._chance = random.Random(f"{seed()} {state.name}")
        self.environment = self._disk.environment
        self.writes_lost = 0

    def begin(self) -> None:
        self._disk.power_on()

    def end(self) -> None:
        self.writes_lost += self._disk.cut(self._chance if self._chance.random() < 0.5 else None)


class Databases(Machine):
    """A machine whose stores are in PostgreSQL: a fresh database for each service."""

    def __init__(self, server: PostgresServer) -> None:
        self._urls = {service: asyncio.run(server.database()) for service in SERVICES}
        self.environment = {f"OUTGROW_STORE_{s.upper()}": url for s, url in self._urls.items()}

    def tables(self, state: Path, services: Sequence[str]) -> AbstractContextManager[Tables]:
        return postgres_tables({service: self._urls[service] for service in services})
