"""
A directory of 200 services with 10 replicas each, and 1,000 connections that say nothing.

Each replica has a lease of its own and renews it as a process does; all of them live in one
process here, over a few connections, as 2,000 processes would need another machine. Callers are
processes of their own: one that calls five services, and one that calls all, as a gateway does.

``python -m benchmarks.discovery_scale replicas|caller|server ...`` are these other processes.
"""

import asyncio
import json
import math
import os
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from time import perf_counter
from typing import Any

from benchmarks.calling import Payments, PaymentsService
from benchmarks.journal_nats import server as nats_server
from outgrow.calls import Reception
from outgrow.calls.grpc import GrpcServer
from outgrow.calls.protobuf import Converters, Messages
from outgrow.clock import SystemClock
from outgrow.context import new_id
from outgrow.contracts import read_contract
from outgrow.discovery import RENEW_SECONDS, Endpoint
from outgrow.discovery.nats import NatsDirectory, nats_directory
from outgrow.discovery.nats.bucket import Bucket
from outgrow.discovery.nats.registration import Registration
from outgrow.nats import Line, Purpose
from outgrow.process import leashed
from outgrow.telemetry import Meters

SERVICES = 200
REPLICAS = 10
CALLED = 5
CONNECTIONS = 1_000
LINES = 20
REST_SECONDS = 10.0
SAMPLES = 1_000
ROUNDS = 7
SECONDS_MAX = 60.0
APPLICATION = "benchmark"
FULL, EMPTY = "full", "empty"
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0"
"""What a client says first: its settings, of which there are none."""


class Other:
    """A process of ours that answers each line with a line of JSON."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def ask(self, word: str) -> Any:
        """What it answers to *word*."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{word}\n".encode())
        async with asyncio.timeout(SECONDS_MAX):
            return json.loads(await self._process.stdout.readline())


@asynccontextmanager
async def other(*words: str) -> AsyncIterator[Other]:
    """One of the other processes, from its start to its end."""
    process = await asyncio.create_subprocess_exec(
        *leashed(sys.executable, "-m", "benchmarks.discovery_scale", *words),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        yield Other(process)
    finally:
        process.kill()
        await process.wait()


async def told() -> AsyncIterator[str]:
    """The lines that this process is told."""
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        yield line.decode().strip()


def say(answer: Any) -> None:
    """Answer the line that was told last."""
    print(json.dumps(answer), flush=True)


def resident_bytes(pid: int | str = "self") -> int:
    """The memory of a process that is in use."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def processor_seconds(pid: int) -> float:
    """What a process has used of processors."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def percentile(values: list[float], share: float) -> float:
    """The value below which this *share* of them is."""
    return sorted(values)[min(len(values) - 1, math.floor(len(values) * share))]


# The replicas


async def replicas(url: str) -> None:
    """Register all, renew them, and start one of them again whenever that is asked for."""
    bucket = Bucket(APPLICATION, FULL)
    purpose = Purpose(check=bucket.declare, without="Nothing.", back="it goes on")
    lines = [Line(url, "replicas", purpose) for _ in range(LINES)]
    all_of_them = [
        _replica(bucket, service, replica)
        for service in range(SERVICES)
        for replica in range(REPLICAS)
    ]
    async with asyncio.TaskGroup() as tasks:
        for line in lines:
            tasks.create_task(line.run())
        began = perf_counter()
        for number, one in enumerate(all_of_them):
            await one.bring(await lines[number % LINES].connected())
        seconds = perf_counter() - began
        for number in range(LINES):
            tasks.create_task(_renew(lines[number], all_of_them[number::LINES]))
        async for word in told():
            if word == "restart":
                one = all_of_them[0]
                connection = await lines[0].connected()
                one.wanted = ()
                await one.bring(connection)
                all_of_them[0] = one = _replica(bucket, 0, 0)
                await one.bring(connection)
            say({"seconds": seconds})


def _replica(bucket: Bucket, service: int, replica: int) -> Registration:
    one = Registration(bucket)
    one.wanted = (
        Endpoint(
            service=f"service{service}",
            address=f"10.0.{service}.{replica}:7000",
            process=f"process{service}",
            instance=f"process{service}.{replica}/{new_id()}",
        ),
    )
    return one


async def _renew(line: Line, some: list[Registration]) -> None:
    """Renew one after another, all of them within the pause between renewals."""
    clock = SystemClock()
    while True:
        for one in list(some):
            await clock.sleep(RENEW_SECONDS / len(some))
            if one.wanted:
                await one.bring(await line.connected())


# A caller


async def caller(url: str, called: str) -> None:
    """Follow some services, and answer what that takes."""
    before = resident_bytes()
    clock = SystemClock()
    async with AsyncExitStack() as stack, asyncio.TaskGroup() as tasks:
        directory = await stack.enter_async_context(nats_directory(url, APPLICATION, FULL))
        await directory.resolve("nothing")
        connected = resident_bytes()
        began = perf_counter()
        waiting = asyncio.Semaphore(0)
        for number in range(int(called)):
            tasks.create_task(_watch(directory, f"service{number}", waiting))
        for _ in range(int(called)):
            await waiting.acquire()
        seconds = perf_counter() - began
        async for word in told():
            if word == "start":
                say(
                    {
                        "connected_bytes": connected - before,
                        "watching_bytes": resident_bytes() - connected,
                        "seconds": seconds,
                    }
                )
            elif word == "messages":
                await clock.sleep(0.5)
                say(_messages(directory))
            elif word == "resolve":
                say(await _resolve(directory, int(called)))


async def _watch(directory: NatsDirectory, service: str, waiting: asyncio.Semaphore) -> None:
    told_any = False
    async for resolution in directory.watch(service):
        if not told_any and len(resolution.endpoints) == REPLICAS:
            told_any = True
            waiting.release()


def _messages(directory: NatsDirectory) -> dict[str, int]:
    connection = directory._line.connection  # noqa: SLF001 - counted where they come in
    assert connection is not None
    return dict(connection._client.stats)  # noqa: SLF001 - as above


async def _resolve(directory: NatsDirectory, watched: int) -> dict[str, list[float]]:
    """Seconds for services that nobody here watches, and for those that are watched."""
    found: dict[str, list[float]] = {"asked": [], "known": []}
    for number in range(SAMPLES):
        for kind, service in (
            ("asked", watched + number % (SERVICES - watched)),
            ("known", number % watched),
        ):
            began = perf_counter()
            resolution = await directory.resolve(f"service{service}")
            found[kind].append(perf_counter() - began)
            assert len(resolution.endpoints) == REPLICAS
    return found


# A server with connections that say nothing


async def serve(path: str) -> None:
    """Serve, and tell how much memory that takes."""
    model, clock = read_contract(Payments), SystemClock()
    reception = Reception(clock, Meters())
    reception.admit(model, PaymentsService(), None)
    server = GrpcServer(Converters(Messages(APPLICATION, [model])), reception.bind, clock)
    server.admit(model)
    await server.start(f"unix:{path}")
    async for _ in told():
        say({"bytes": resident_bytes()})


async def idle(path: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection of HTTP/2 that is open, and over which nobody calls."""
    reader, writer = await asyncio.open_unix_connection(path)
    writer.write(PREFACE)
    await reader.readexactly(9)  # Its settings come first.
    return reader, writer


# The figures


def line(name: str, value: float, unit: str, **more: Any) -> dict[str, Any]:
    """One figure."""
    return {"name": f"discovery.{name}", "value": round(value, 4), "unit": unit, **more}


async def _directory_figures() -> list[dict[str, Any]]:
    found = []
    with tempfile.TemporaryDirectory(prefix="outgrow-") as name:
        folder = Path(name, "nats")
        async with AsyncExitStack() as stack:
            url = await stack.enter_async_context(nats_server(folder))
            pid = int(await asyncio.to_thread((folder / "pid").read_text))
            before = resident_bytes(pid)
            offered = await stack.enter_async_context(other("replicas", url))
            seconds = (await offered.ask("seconds"))["seconds"]
            found.append(line("register", 1e3 * seconds / (SERVICES * REPLICAS), "ms/replica"))
            some = await stack.enter_async_context(other("caller", url, str(CALLED)))
            every = await stack.enter_async_context(other("caller", url, str(SERVICES)))
            for who, called, process in (("some", CALLED, some), ("all", SERVICES, every)):
                told_first = await process.ask("start")
                found += [
                    line(f"caller.{who}.memory", told_first["watching_bytes"] / 1024, "KiB",
                         services=called, connection_kib=told_first["connected_bytes"] // 1024),
                    line(f"caller.{who}.known_after", 1e3 * told_first["seconds"], "ms"),
                ]  # fmt: skip
            found += await _at_rest(pid, some, every)
            found += await _restart(offered, some, every)
            samples = await some.ask("resolve")
            for kind, values in samples.items():
                found += [
                    line(f"resolve.{kind}.p{share}", 1e6 * percentile(values, share / 100), "us")
                    for share in (50, 99)
                ]
            found.append(line("server.memory", (resident_bytes(pid) - before) / 2**20, "MiB"))
            found.append(await _start(url))
    return found


async def _at_rest(pid: int, some: Other, every: Other) -> list[dict[str, Any]]:
    """What comes in while nothing changes, and what the server does meanwhile."""
    clock, callers = SystemClock(), (("some", some), ("all", every))
    before = {who: await process.ask("messages") for who, process in callers}
    used, began = processor_seconds(pid), perf_counter()
    await clock.sleep(REST_SECONDS)
    after = {who: await process.ask("messages") for who, process in callers}
    seconds = perf_counter() - began
    found = []
    for who, _ in callers:
        came = {key: (after[who][key] - before[who][key]) / seconds for key in after[who]}
        found += [
            line(f"caller.{who}.at_rest", came["in_msgs"], "messages/s",
                 bytes_per_second=round(came["in_bytes"])),
        ]  # fmt: skip
    share = 100 * (processor_seconds(pid) - used) / seconds
    renewals = SERVICES * REPLICAS / RENEW_SECONDS
    return [*found, line("server.at_rest", share, "% of a processor", renewals_per_second=renewals)]


async def _restart(offered: Other, some: Other, every: Other) -> list[dict[str, Any]]:
    """What comes in when one replica of one service is started again."""
    found = []
    for who, process in (("some", some), ("all", every)):
        before = (await process.ask("messages"))["in_msgs"]
        began = perf_counter()
        await offered.ask("restart")
        after = (await process.ask("messages"))["in_msgs"]
        found.append(
            line(f"caller.{who}.restart", after - before, "messages",
                 seconds=round(perf_counter() - began, 2))
        )  # fmt: skip
    return found


async def _start(url: str) -> dict[str, Any]:
    """From nothing to the first known service, in a directory that is full and in an empty one."""
    offered = [
        Endpoint(service="service0", address=f"{n}", process="x", instance=f"{n}")
        for n in range(REPLICAS)
    ]
    seconds: dict[str, list[float]] = {FULL: [], EMPTY: []}
    async with nats_directory(url, APPLICATION, EMPTY) as own:
        await own.register(offered)
        for _ in range(ROUNDS):
            for environment, found in seconds.items():
                began = perf_counter()
                async with nats_directory(url, APPLICATION, environment) as directory:
                    assert (await directory.resolve("service0")).endpoints
                    found.append(perf_counter() - began)
            await own.renew()
    full, empty = (percentile(seconds[one], 0.5) for one in (FULL, EMPTY))
    return line("start", 1e3 * full, "ms", baseline=round(1e3 * empty, 4),
                of="a directory of one service", ratio=round(full / empty, 3))  # fmt: skip


async def _connection_figures() -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory(prefix="og-") as folder:
        path = f"{folder}/calls.sock"
        async with other("server", path) as server:
            before = (await server.ask("bytes"))["bytes"]
            connections = [await idle(path) for _ in range(CONNECTIONS)]
            after = (await server.ask("bytes"))["bytes"]
            for _, writer in connections:
                writer.close()
    each = (after - before) / 1024 / CONNECTIONS
    return [line("connections.idle", each, "KiB/connection", connections=CONNECTIONS)]


async def figures() -> list[dict[str, Any]]:
    """All of them."""
    return [*await _directory_figures(), *await _connection_figures()]


def run() -> Iterator[dict[str, Any]]:
    """The figures of a large directory."""
    yield from asyncio.run(figures())


if __name__ == "__main__":
    roles: dict[str, Callable[..., Coroutine[Any, Any, None]]]
    roles = {"replicas": replicas, "caller": caller, "server": serve}
    if sys.argv[1:]:
        asyncio.run(roles[sys.argv[1]](*sys.argv[2:]))
    else:
        for each_figure in run():
            print(json.dumps(each_figure))
