"""
From a journal over NATS JetStream to the effect in another process's store, drained.

The events stand in the journal; the clock runs from the moment at which the relay is started until
the last effect is committed by a handler in another process. The baseline is nats-py alone, in the
same round and over the same server: `publish_async` of messages of the same size, all
acknowledged, and nobody reads them.

``python -m benchmarks.journal_nats listen FOLDER URL`` is the other process. For each number that
it is given by a line, it answers with a line as soon as so many effects are committed.
"""

import asyncio
import random
import socket
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

import msgspec
from nats.aio.client import Client

from benchmarks.measure import alternate_async
from benchmarks.running import count_at_once, import_from_app
from outgrow.clock import SystemClock
from outgrow.journal import Broker, Carried, in_process
from outgrow.journal.nats import nats_broker
from outgrow.journal.nats.wire import Wire
from outgrow.process import Options, leashed, start_application
from outgrow.topology import Plan, read_topology

EVENTS = 25_600
GOAL = 0.3
SECONDS_MAX = 30.0


def options(folder: Path, service: str, **more: Any) -> Options:
    """The options of the process that hosts *service* alone."""
    return Options(
        state=folder,
        process=service,
        environment="benchmark",
        hosted=frozenset({service}),
        is_gateway=False,
        **more,
    )


def plan(folder: Path) -> Plan:
    """Both services, wherever they are hosted."""
    file = folder / "outgrow.toml"
    file.write_text('[app]\nname = "benchmark"\nservices = ["counting", "hearing"]\n')
    import_from_app()
    return read_topology(file)


@asynccontextmanager
async def server(folder: Path) -> AsyncIterator[str]:
    """A NATS server of our own; its URL. Its number stands in the folder's file ``pid``."""
    await asyncio.to_thread(folder.mkdir, exist_ok=True)
    program = str(Path(sys.executable).with_name("nats-server"))
    port = random.randrange(20_000, 32_000)
    command = leashed(
        program,
        "-js",
        "-sd",
        str(folder),
        "-a",
        "127.0.0.1",
        "-p",
        str(port),
        "-P",
        str(folder / "pid"),
    )
    process = await asyncio.create_subprocess_exec(*command, stderr=subprocess.DEVNULL)
    try:
        await _until(lambda: _answers(port))
        yield f"nats://127.0.0.1:{port}"
    finally:
        process.kill()
        await process.wait()


class Listener:
    """The process that hosts hearing."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def wait_handled(self, count: int) -> None:
        """Wait until so many effects are committed."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{count}\n".encode())
        async with asyncio.timeout(SECONDS_MAX):
            assert await self._process.stdout.readline()


@asynccontextmanager
async def listener(folder: Path, url: str) -> AsyncIterator[Listener]:
    """The other process, from its start to its end."""
    process = await asyncio.create_subprocess_exec(
        *leashed(sys.executable, "-m", "benchmarks.journal_nats", "listen", str(folder), url),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        yield Listener(process)
    finally:
        process.kill()
        await process.wait()


class Kept:
    """What the application would give a broker; it is given to one later, and again."""

    def __init__(self) -> None:
        self.carried: Carried

    def broker(self, carried: Carried) -> AbstractAsyncContextManager[Broker]:
        """Keep *carried*, and carry nothing."""
        self.carried = carried
        return in_process(carried)


async def _end_to_end() -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="outgrow-") as name:
        folder = Path(name)
        kept = Kept()
        chosen = options(folder / "state", "counting", broker=kept.broker)
        async with (
            server(folder / "nats") as url,
            start_application(plan(folder), chosen) as counting,
            listener(folder, url) as other,
        ):
            from counting.contract import Counting  # noqa: PLC0415 - importable from here on

            client, broker = counting.client(Counting), nats_broker(url)
            total = 0
            async with broker(kept.carried):
                # The other one begins where the journal ends now.
                await other.wait_handled(0)

            async def ours() -> float:
                nonlocal total
                await count_at_once(client, 64, EVENTS)
                total += EVENTS
                started = perf_counter()
                async with broker(kept.carried):
                    await other.wait_handled(total)
                return EVENTS / (perf_counter() - started)

            bare = await _Bare.open(url, await _payload(client, kept.carried))
            rounds = await alternate_async(ours, bare.publish)
            await bare.close()
    return rounds.figure(
        "journal.nats.end_to_end", "events/s", of="publish_async of nats-py", goal=GOAL
    )


class _Bare:
    """nats-py alone, with a stream of its own."""

    def __init__(self, client: Client, payload: bytes) -> None:
        self._client = client
        self._stream = client.jetstream()
        self._payload = payload

    @classmethod
    async def open(cls, url: str, payload: bytes) -> "_Bare":
        """Connect, and make the stream."""
        client = Client()
        await client.connect(url)
        bare = cls(client, payload)
        await bare._stream.add_stream(name="bare", subjects=["bare.*.*"], max_msgs=1_000_000)
        return bare

    async def publish(self) -> float:
        """Events per second that are published and acknowledged."""
        started = perf_counter()
        for _ in range(EVENTS):
            _ = await self._stream.publish_async("bare.1.Counted", self._payload)
        await self._stream.publish_async_completed()
        return EVENTS / (perf_counter() - started)

    async def close(self) -> None:
        """End the connection."""
        await self._client.close()


async def _payload(client: Any, carried: Carried) -> bytes:
    """A message as the relay makes it."""
    await client.count(1)
    batch = await carried.journals["counting"].events(0, ["counting.Counted"], 1)
    return msgspec.json.encode(Wire.of(batch.messages[0], 0))


async def _listen(folder: Path, url: str) -> None:
    """Be the other process."""
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(lines), sys.stdin
    )
    chosen = options(folder / "state", "hearing", broker=nats_broker(url))
    async with start_application(plan(folder), chosen):
        while line := await lines.readline():
            with closing(sqlite3.connect(folder / "state/store/hearing.sqlite3")) as rows:
                await _until(partial(_has_handled, rows, int(line)))
            print("handled", flush=True)


async def _has_handled(rows: sqlite3.Connection, wanted: int) -> bool:
    """Whether so many effects are committed, as somebody else sees the file."""
    ((count,),) = rows.execute("select sum(count) from heard")
    return bool(count >= wanted)


async def _until(is_there: Any) -> None:
    clock = SystemClock()
    async with asyncio.timeout(SECONDS_MAX):
        while not await is_there():
            await clock.sleep(0.005)


async def _answers(port: int) -> bool:
    with socket.socket() as trial:
        return trial.connect_ex(("127.0.0.1", port)) == 0


def run() -> Iterator[dict[str, Any]]:
    """The figure of events between two processes."""
    yield asyncio.run(_end_to_end())


if __name__ == "__main__":
    asyncio.run(_listen(Path(sys.argv[2]), sys.argv[3]))
