"""
Calls from one process to another, through the whole path: client, routing, retries, gRPC over a
Unix socket, reception, service, and back.

The baseline is bare grpc.aio between the same two processes, in the same round, over a socket of
its own: the same bytes, converted from nothing and to nothing, and no caller, deadline or trace.
Processor time is that of both processes.

``python -m benchmarks.calls_apart FOLDER`` is the other process. It answers each line with the
processor time that it has taken, in nanoseconds.
"""

import asyncio
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from time import perf_counter, process_time_ns
from typing import Any

import grpc
import grpc.aio

from benchmarks.measure import Rounds, alternate_async
from benchmarks.running import import_from_app
from outgrow.calls.protobuf import Converters, Messages
from outgrow.clock import SystemClock
from outgrow.context import SYSTEM, Context, enter, leave
from outgrow.contracts import Method, read_contract
from outgrow.journal import in_process
from outgrow.process import Options, Seat, Seating, leashed, start_application
from outgrow.process.apart import Apart
from outgrow.topology import Plan, read_topology

CALLS = 3_200
CALLERS = 16
ROUNDS = 9
PATH = "/bare.Quoting/Quote"
ORDER_ID, CENTS = "0197b2f0-order", 1299
Call = Callable[[], Awaitable[object]]


def plan(folder: Path) -> Plan:
    """The application of one service."""
    file = folder / "outgrow.toml"
    file.write_text('[app]\nname = "benchmark"\nservices = ["quoting"]\n')
    import_from_app()
    return read_topology(file)


def options(folder: Path, process: str | None) -> Options:
    """The options of one of the two processes; no events are heard of."""
    seat = Seat(process="quoting", services=("quoting",), calls=f"unix:{folder}/calls.sock")
    seating = Seating(
        application="benchmark",
        topology="split",
        environment="benchmark",
        broker="",
        gateway=None,
        seats={"quoting": seat},
    )
    chosen = Options(state=folder / (process or "caller"))
    return replace(Apart(seating, process).options(chosen), broker=in_process)


def bodies() -> tuple[bytes, bytes]:
    """The request and the reply as they are on the wire."""
    from quoting.contract import Quote, Quoting  # noqa: PLC0415 - importable by now

    method: Method = read_contract(Quoting).methods["quote"]
    conversion = Converters(Messages("benchmark", [read_contract(Quoting)])).of(method)
    reply = Quote(order_id=ORDER_ID, cents=CENTS)
    return conversion.encode_request(ORDER_ID, CENTS), conversion.encode_reply(reply)


class Other:
    """The process that is called."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def processor_ns(self) -> int:
        """The processor time that it has taken; answers when it is ready."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(b"\n")
        return int(await self._process.stdout.readline())


@asynccontextmanager
async def other(folder: Path) -> AsyncIterator[Other]:
    """The other process, from its start to its end."""
    process = await asyncio.create_subprocess_exec(
        *leashed(sys.executable, "-m", "benchmarks.calls_apart", str(folder)),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    started = Other(process)
    try:
        await started.processor_ns()
        yield started
    finally:
        process.kill()
        await process.wait()


class Meter:
    """Measures calls by their rate; keeps what processor time they took meanwhile."""

    def __init__(self, call: Call, called: Other) -> None:
        self._call = call
        self._called = called
        self.microseconds: list[float] = []

    async def measure(self) -> float:
        """Calls per second from all callers at once."""

        async def caller() -> None:
            for _ in range(CALLS // CALLERS):
                await self._call()

        spent = -process_time_ns() - await self._called.processor_ns()
        started = perf_counter()
        await asyncio.gather(*(caller() for _ in range(CALLERS)))
        seconds = perf_counter() - started
        spent += process_time_ns() + await self._called.processor_ns()
        self.microseconds.append(spent / CALLS / 1_000)
        return CALLS / seconds


async def _figures() -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory(prefix="outgrow-") as name:
        folder = Path(name)
        chosen = plan(folder)
        async with (
            other(folder) as called,
            start_application(chosen, options(folder, None)) as application,
            grpc.aio.insecure_channel(f"unix:{folder}/bare.sock") as channel,
        ):
            from quoting.contract import Quoting  # noqa: PLC0415 - importable by now

            client, ask, (body, _) = (
                application.client(Quoting),
                channel.unary_unary(PATH),
                bodies(),
            )
            ours = Meter(lambda: client.quote(ORDER_ID, CENTS), called)
            bare = Meter(lambda: ask(body), called)
            token = enter(_execution())
            rounds = await alternate_async(ours.measure, bare.measure, ROUNDS)
            leave(token)
    processor = Rounds(ours.microseconds[1:], bare.microseconds[1:])
    what = "bare grpc.aio with the same bytes"
    return [
        rounds.figure(f"calls.apart.{CALLERS}", "calls/s", of=what),
        processor.figure(f"calls.apart.{CALLERS}.processor", "us cpu", of=what),
    ]


def _execution() -> Context:
    """The execution of the service that calls."""
    return Context(
        caller=SYSTEM,
        correlation_id="0197b2f0-0000-7000-8000-000000000000",
        trace_id=2**127 + 1,
        span_id=2**63 + 1,
        deadline=SystemClock().monotonic() + 3_600,
        method="orders.place_order",
        key="key",
    )


async def _be_called(folder: Path) -> None:
    """Be the other process."""
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(lines), sys.stdin
    )
    chosen = plan(folder)
    async with start_application(chosen, options(folder, "quoting")) as application:
        _, reply = bodies()

        async def answer(_body: bytes, _call: Any) -> bytes:
            return reply

        handlers: dict[str, Any] = {"Quote": grpc.unary_unary_rpc_method_handler(answer)}
        bare = grpc.aio.server()
        generic = grpc.method_handlers_generic_handler("bare.Quoting", handlers)
        bare.add_generic_rpc_handlers((generic,))
        bare.add_insecure_port(f"unix:{folder}/bare.sock")
        await bare.start()
        async with application.serve():
            while await lines.readline():
                print(process_time_ns(), flush=True)
        await bare.stop(None)


def run() -> Iterator[dict[str, Any]]:
    """The figures of calls between two processes."""
    yield from asyncio.run(_figures())


if __name__ == "__main__":
    asyncio.run(_be_called(Path(sys.argv[1])))
