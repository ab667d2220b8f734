"""
The same three steps by DBOS, on SQLite. ``PEERS=1``.

Ours are three transactional steps with undos, in one store with what is written down of them; its
are three steps whose results it notes in a database of its own, without undos.
"""

import asyncio
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.measure import alternate_async
from benchmarks.peers import peer
from benchmarks.sagas_local import MANY, SINGLE, travel_at_once, traveling

FEW = 128
"""Workflows of a round with a peer that is slow."""

GOALS = {1: 4, 64: 30}


async def _figures(folder: Path) -> list[dict[str, Any]]:
    figures = []
    url, ledger = f"sqlite:///{folder}/dbos.sqlite3", str(folder / "ledger.sqlite3")
    async with traveling() as (_, client), peer("dbos", url, ledger) as other:
        for tasks, count in ((1, SINGLE), (64, MANY)):

            async def ours(tasks: int = tasks, count: int = count) -> float:
                return await travel_at_once(client.travel_here, tasks, count)

            async def theirs(tasks: int = tasks) -> float:
                return await other.rate(tasks, FEW)

            rounds = await alternate_async(ours, theirs)
            told = "DBOS, three steps on SQLite, without undos"
            name = f"peers.dbos.local.{tasks}"
            figures.append(rounds.figure(name, "sagas/s", of=told, goal=GOALS[tasks]))
    return figures


def run() -> Iterator[dict[str, Any]]:
    """The figures beside DBOS."""
    if os.environ.get("PEERS") == "1":
        with tempfile.TemporaryDirectory(prefix="outgrow-") as folder:
            yield from asyncio.run(_figures(Path(folder)))
