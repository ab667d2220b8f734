"""A rolling restart under load fails no request."""

from __future__ import annotations

import asyncio
import collections
import signal
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.process.supervision.conftest import Start
from tests.process.supervision.program import TOPOLOGY, Program, kill

CONNECTIONS = 16
WAIT_SECONDS = 90.0
"""For a restart of all processes, on a machine that is busy otherwise."""

BESIDE = ("nats", "postgres")


class Load:
    """Clients that each keep a connection, never try again, and count what went wrong."""

    def __init__(self, url: str, requests: int) -> None:
        self.failures: list[str] = []
        self.written: collections.Counter[str] = collections.Counter()
        self.done = 0
        self.seconds_max = 0.0
        self._url = url
        self._requests = requests
        self._changed = asyncio.Event()

    async def run(self, least: asyncio.Event) -> None:
        """Ask as often as was said, and on until *least* has happened."""
        connector = aiohttp.TCPConnector(limit=CONNECTIONS)
        timeout = aiohttp.ClientTimeout(total=12)
        async with aiohttp.ClientSession(
            self._url, connector=connector, timeout=timeout
        ) as session:
            # It would repeat a GET by itself if a connection is closed under it.
            session._retry_connection = False
            async with asyncio.TaskGroup() as tasks:
                for number in range(CONNECTIONS):
                    tasks.create_task(self._client(session, number, least))

    async def _client(self, session: Any, number: int, least: asyncio.Event) -> None:
        loop, text = asyncio.get_running_loop(), f"of-{number}"
        while self.done < self._requests or not least.is_set():
            began = loop.time()
            try:
                if self.done % 3:
                    async with session.get(f"/counts/{text}") as answer:
                        got = await answer.json()
                        self._check(answer.status, got, self.written[text])
                else:
                    self.written[text] += 1
                    key = {"Idempotency-Key": f"{text}-{self.written[text]}"}
                    async with session.post("/notes", json={"text": text}, headers=key) as answer:
                        self._check(answer.status, await answer.json(), self.written[text])
            except (aiohttp.ClientError, TimeoutError) as error:
                self.failures.append(repr(error))
            self.done += 1
            self.seconds_max = max(self.seconds_max, loop.time() - began)

    def _check(self, status: int, got: Any, expected: int) -> None:
        if (status, got) != (200, expected):
            self.failures.append(f"{status}: {got}, and not {expected}")


async def renew_under_load(running: Program, requests: int, times: int) -> Load:
    """Replace every process, and kill NATS in the middle of it, while requests are made."""
    load = Load(running.url(), requests)
    before = {name: told["pid"] for name, told in running.processes().items()}
    is_over = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(load.run(is_over))
        for nth in range(1, times + 1):
            running.signal(signal.SIGHUP)
            kill(running.pid("nats"))
            await asyncio.to_thread(running.wait_line, "renewed", nth=nth, seconds=WAIT_SECONDS)
            await asyncio.to_thread(
                running.wait_process, "nats", lambda told, nth=nth: is_back(told, nth)
            )
        is_over.set()
    after = running.processes()
    assert [name for name, pid in before.items() if after[name]["pid"] == pid] == [
        name for name in before if name == "postgres"
    ]
    assert {told["renewed"] for name, told in after.items() if name not in BESIDE} == {times}
    return load


def is_back(told: dict[str, Any], restarts: int) -> bool:
    return bool(told["restarts"] == restarts and told["is_ready"])


def tell(load: Load, what: str) -> None:
    print(  # noqa: T201 - figures of the long tests, for docs/evidence.md
        f"\n{what}: {load.done} requests, {len(load.failures)} failed, "
        f"the longest took {load.seconds_max:.2f} s"
    )


@pytest.mark.timeout(150)
async def test_a_rolling_restart_under_load_fails_no_request(start: Start, folder: Path) -> None:
    """Of a process that has two replicas, and of one that is alone."""
    (folder / "outgrow.toml").write_text(TOPOLOGY.replace('["notes"]', '["notes"]\nreplicas = 2'))
    running = start().wait_ready(WAIT_SECONDS)

    load = await renew_under_load(running, 2_000, times=1)

    assert load.failures == []
    assert load.done >= 2_000
    assert running.stop() == 0


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize("replicas", [1, 2, 3])
async def test_rolling_restarts_under_load_fail_none_of_50_000_requests(
    start: Start, folder: Path, replicas: int
) -> None:
    text = TOPOLOGY.replace('["notes"]', f'["notes"]\nreplicas = {replicas}')
    if replicas > 1:
        text = text.replace('["*"]', f'["*"]\nreplicas = {replicas}')
        text = text.replace("[topology.split]", '[topology.split]\nstore = "postgres"')
    (folder / "outgrow.toml").write_text(text)
    running = start().wait_ready(WAIT_SECONDS)

    load = await renew_under_load(running, 50_000, times=5)

    tell(load, f"{replicas} replicas of each process, each replaced five times, NATS killed")
    assert load.failures == []
    assert load.done >= 50_000
    assert running.stop() == 0
