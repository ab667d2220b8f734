"""
11. A process that leads is frozen, another takes over, and the first goes on believing that it
leads: what it commits is refused, nothing is lost, and what both did has one effect.
"""

from __future__ import annotations

import asyncio
import json
import random
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from outgrow.clock import SystemClock
from outgrow.testing import PostgresServer
from tests.crash.harness import seed
from tests.journal.orders import OrderPlaced
from tests.journal.shop import Shop

ROOT = Path(__file__).parents[2]
KEYS = [f"k{n}" for n in range(16)]
WAIT_SECONDS = 40


class Process:
    """
    One process of the shop.

    Attributes:
        told: What it said last of its share.
        stopped: The point at which it has frozen itself.
    """

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.told: dict[str, Any] = {}
        self.stopped = ""

    async def listen(self) -> None:
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            said = json.loads(line)
            if "stopped" in said:
                self.stopped = said["stopped"]
            else:
                self.told = said

    @property
    def leads(self) -> bool:
        return bool(self.told.get("orders", {}).get("leads"))

    @property
    def epoch(self) -> int:
        return int(self.told["orders"]["epoch"])

    @property
    def share(self) -> int:
        return int(self.told.get("letters", {}).get("share", 0))

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)


class Town:
    """The shop's processes, and what was asked of them. Its own shop only writes and looks."""

    def __init__(self, shop: Shop, start: Callable[..., Any]) -> None:
        self.shop = shop
        self.start = start
        self.events = dict.fromkeys(KEYS, 0)
        self.letters: list[str] = []

    async def write(self, rounds: int) -> None:
        """Record an event of each key, and send a letter, *rounds* times."""
        for _ in range(rounds):

            async def unit(tx: Any) -> None:
                for key, n in self.events.items():
                    await tx.record(OrderPlaced(order_id=key, cents=n))
                await tx.send(self.shop.letters.write, f"letter {len(self.letters)}")

            await self.shop.stores["orders"].transact(unit)
            self.letters.append(f"letter {len(self.letters)}")
            for key in KEYS:
                self.events[key] += 1

    async def until_done(self) -> None:
        """Wait until all has had its effect, once and in order."""
        expected = sum(self.events.values()) + len(self.letters)
        async with asyncio.timeout(WAIT_SECONDS):
            while len(await self.shop.texts()) < expected:
                await pause()
        self.check(await self.shop.texts())

    def check(self, texts: list[str]) -> None:
        for key, count in self.events.items():
            mine = [text for text in texts if text.startswith(f"{key} ")]
            assert mine == [f"{key} placed {n}" for n in range(count)]
        assert sorted(t for t in texts if t.startswith("letter")) == sorted(self.letters)


async def pause(seconds: float = 0.02) -> None:
    await asyncio.wait([asyncio.get_running_loop().create_future()], timeout=seconds)


async def until(condition: Callable[[], Any]) -> None:
    async with asyncio.timeout(WAIT_SECONDS):
        while not condition():
            await pause()


@pytest.fixture
async def town(tmp_path: Path, outgrow_postgres: PostgresServer) -> AsyncIterator[Town]:
    urls = {service: await outgrow_postgres.database() for service in ("orders", "letters")}
    shop = Shop(tmp_path, SystemClock(), urls)
    async with AsyncExitStack() as stack:
        group = await stack.enter_async_context(asyncio.TaskGroup())

        @asynccontextmanager
        async def started(
            lease_seconds: float, stop_at: str, mutant: str
        ) -> AsyncIterator[Process]:
            given = {
                "folder": str(tmp_path),
                "urls": urls,
                "lease_seconds": lease_seconds,
                "stop_at": stop_at,
                "mutant": mutant,
            }
            process = Process(
                await asyncio.create_subprocess_exec(
                    *(sys.executable, "-m", "tests.faults.replica", json.dumps(given)),
                    cwd=ROOT,
                    stdout=asyncio.subprocess.PIPE,
                    stderr=asyncio.subprocess.DEVNULL,
                )
            )
            listening = group.create_task(process.listen())
            try:
                yield process
            finally:
                if process.process.returncode is None:
                    process.signal(signal.SIGKILL)
                await process.process.wait()
                await listening

        async def start(lease_seconds: float = 1.5, stop_at: str = "", mutant: str = "") -> Process:
            life = started(lease_seconds, stop_at, mutant)
            process: Process = await stack.enter_async_context(life)
            await until(lambda: process.share)
            return process

        await shop.open()
        stack.push_async_callback(shop.close)
        yield Town(shop, start)


async def freeze_the_leader(town: Town, mutant: str = "") -> tuple[Process, Process]:
    """One that leads and is frozen before a commit, and one that leads instead."""
    first = await town.start(stop_at="journal.after_send", mutant=mutant)
    await until(lambda: first.leads)
    second = await town.start()
    await town.write(3)
    await until(lambda: first.stopped)  # It has called, and has not noted that.
    await until(lambda: second.leads and second.share == 32)
    assert second.epoch > first.epoch
    await town.write(3)
    await town.until_done()
    return first, second


async def test_a_leader_that_was_frozen_before_its_commit_cannot_commit(town: Town) -> None:
    first, second = await freeze_the_leader(town)

    first.signal(signal.SIGCONT)
    await until(lambda: first.told["superseded"] and not first.leads)
    await until(lambda: first.share == second.share == 16)
    await town.write(3)
    await town.until_done()
    assert second.leads


async def test_a_lease_without_a_fence_is_found_out(town: Town) -> None:
    first, second = await freeze_the_leader(town, "unfenced")

    first.signal(signal.SIGCONT)
    await until(lambda: not first.leads and first.share == second.share == 16)
    assert not first.told["superseded"], "what it committed was not refused"


@pytest.mark.parametrize(
    ("lease_seconds", "frozen_seconds"),
    [(1.0, 2.5), pytest.param(6.0, 30.0, marks=[pytest.mark.long, pytest.mark.timeout(180)])],
)
async def test_a_process_that_is_frozen_at_any_moment_loses_and_doubles_nothing(
    town: Town, lease_seconds: float, frozen_seconds: float
) -> None:
    chance = random.Random(seed())
    processes = [await town.start(lease_seconds) for _ in range(2)]
    await until(lambda: any(p.leads for p in processes))
    frozen = next(p for p in processes if p.leads)
    async with asyncio.TaskGroup() as group:
        writing = group.create_task(town.write(30))
        await pause(chance.random() * 0.3)
        frozen.signal(signal.SIGSTOP)
        await writing
    await pause(frozen_seconds)
    other = next(p for p in processes if p is not frozen)
    await until(lambda: other.leads)
    await town.until_done()  # It does without.
    async with asyncio.TaskGroup() as group:
        group.create_task(town.write(10))
        frozen.signal(signal.SIGCONT)
    await town.until_done()
    assert not frozen.leads


async def test_processes_that_are_killed_are_replaced_at_once(town: Town) -> None:
    chance = random.Random(seed())
    # A lease that nobody could wait for: that a process is dead its session tells.
    processes = [await town.start(600) for _ in range(2)]
    for _ in range(4):
        async with asyncio.TaskGroup() as group:
            writing = group.create_task(town.write(6))
            await pause(chance.random() * 0.2)
            killed = processes.pop(chance.randrange(2))
            killed.signal(signal.SIGKILL)
            await killed.process.wait()
            await writing
        processes.append(await town.start(600))
    await town.until_done()
