"""A process is found by the directory while it lets calls in, and says whether it is ready."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from outgrow.clock import SystemClock
from outgrow.process import Application
from outgrow.topology import NATS
from tests.discovery.nats.places import running_server
from tests.process.bank import process, write_bank


class Hook:
    """What the service says of itself."""

    reason: Exception | None = None

    async def ready(self) -> None:
        if self.reason is not None:
            raise self.reason


@pytest.fixture
def file(write, tmp_path):
    file = write(desk="")
    write_bank(tmp_path)
    return file


@pytest.fixture
async def found(seating, tmp_path):
    """The seating of processes that find each other over NATS."""
    server = await running_server()
    environment = f"e{tmp_path.name}"[:60].replace("-", "_")
    return msgspec.structs.replace(
        seating, discovery=NATS, broker=server.url, environment=environment
    )


def known(application: Application) -> dict[str, Any]:
    neighbours = application.options.neighbours()
    return neighbours["directory"].get("bank", {"endpoints": [], "is_stale": False})


async def until(holds: Callable[[], Any]) -> None:
    clock = SystemClock()
    async with asyncio.timeout(20):
        while not holds():
            await clock.sleep(0.005)


async def test_a_process_is_found_says_whether_it_is_ready_and_leaves(file, found):
    hook = Hook()
    async with process(file, found, "a") as desk:
        from bank.contract import Bank

        bank = desk.client(Bank)
        async with process(file, found, "b") as application:
            application.health.watch("bank", None, hook, [])
            assert await bank.count("x") == 0
            await until(lambda: [one["is_ready"] for one in known(desk)["endpoints"]] == [True])

            hook.reason = OSError("no ink")
            await application.health.look()
            await until(lambda: [one["is_ready"] for one in known(desk)["endpoints"]] == [False])
            assert await bank.count("x") == 0, "if none is ready, all are called"

            hook.reason = None
            await application.health.look()
            await until(lambda: [one["is_ready"] for one in known(desk)["endpoints"]] == [True])
        await until(lambda: known(desk)["endpoints"] == [])

        async with process(file, found, "b"):
            assert await bank.count("x") == 0
            assert len(known(desk)["endpoints"]) == 1
