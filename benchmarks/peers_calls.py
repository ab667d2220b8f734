"""
The same call by others: FastAPI with httpx and with aiohttp, NATS request and reply. ``PEERS=1``.

Each runs in a process and an environment of its own, server and client in one loop, as ours does.
What is compared is processor time: how many calls a processor does in a second, both sides
together. Rounds alternate; the ratio is ours to theirs.
"""

import asyncio
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.calling import CALLS, Call, Meter, Payments, execution
from benchmarks.calls_ours import ours
from benchmarks.journal_nats import server
from benchmarks.measure import Rounds, alternate_async
from benchmarks.peers import ENVIRONMENT, Peer, peer
from outgrow.calls.protobuf import Converters, Messages
from outgrow.context import enter, leave
from outgrow.contracts import read_contract

CONCURRENCY = 16
FEW = 320
"""Calls of a round with a peer that is slow."""

GOAL = 5


async def _against(call: Call, other: Peer, name: str, of: str, *case: int) -> dict[str, Any]:
    spent = Meter(call, CONCURRENCY)
    calls = FEW if "httpx" in name else CALLS

    async def mine() -> float:
        return 1_000_000 / await spent()

    async def theirs() -> float:
        return 1_000_000 / await other.rate(CONCURRENCY, calls, *case)

    rounds: Rounds = await alternate_async(mine, theirs)
    goal = {"goal": GOAL} if "httpx" in name else {}
    return rounds.figure(name, "calls/processor s", of=of, **goal, **spent.latencies())


async def _figures() -> list[dict[str, Any]]:
    found = []
    converters = Converters(Messages("benchmark", [read_contract(Payments)]))
    async with ours(converters) as calls:
        token = enter(execution())
        for client in ("httpx", "aiohttp"):
            async with peer("http", client) as other:
                for n, (case, call) in enumerate(calls.items()):
                    name = f"peers.{client}{case}.{CONCURRENCY}"
                    of = f"FastAPI on uvicorn, {client}"
                    found.append(await _against(call, other, name, of, n))
        with tempfile.TemporaryDirectory(prefix="outgrow-") as folder:
            async with server(Path(folder)) as url:
                pid = await asyncio.to_thread((Path(folder) / "pid").read_text)
                async with peer("nats", url, pid) as other:
                    name, of = f"peers.nats.{CONCURRENCY}", "NATS request and reply, JSON"
                    found.append(await _against(calls[""], other, name, of))
        leave(token)
    return found


def run() -> Iterator[dict[str, Any]]:
    """The figures of others' calls, if they are asked for."""
    if os.environ.get("PEERS") == "1" and (ENVIRONMENT / "bin" / "python").exists():
        yield from asyncio.run(_figures())
