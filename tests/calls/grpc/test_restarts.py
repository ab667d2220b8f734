"""What callers meet when the process of the callee dies, is frozen, and starts again."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import tempfile
from collections import Counter
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from outgrow.calls import Patience
from outgrow.calls.grpc import GrpcTransport
from outgrow.calls.protobuf import Converters, Messages
from outgrow.calls.reaching import Retrying
from outgrow.clock import SystemClock
from outgrow.context import SYSTEM, Context, new_id, new_span_id, new_trace_id
from outgrow.contracts import read_contract
from outgrow.errors import CallTimedOut, ServiceUnreachable
from outgrow.process.leash import leashed
from tests.calls.grpc.host import PART
from tests.calls.grpc.workshop import Workshop

ROOT = Path(__file__).parents[3]
MODEL = read_contract(Workshop)
ARGUMENTS = {"echo": ("hello",), "make": ("bolt", 7), "forget": ()}
REPLIES = {"echo": "hello", "make": PART, "forget": None}
BEGINNINGS = {"echo": "echo", "make": "make bolt 7", "forget": "forget"}


class Street:
    """One address, the processes that live there one after the other, and who calls them."""

    def __init__(self, stack: AsyncExitStack, folder: str) -> None:
        self.address = f"unix:{folder}/calls.sock"
        self.clock = SystemClock()
        self.patience = Patience(60.0)  # A busy machine takes longer than usual to start one.
        self.transport = self.connect()
        self.caller = Retrying(self.transport, self.clock, self.patience)
        self._stack = stack
        stack.push_async_callback(self.transport.close)

    def connect(self):
        converters = Converters(Messages("shop", [MODEL]))
        return GrpcTransport(self.address, converters, self.clock)

    async def start(self, *, hangs=False):
        words = (self.address, "hangs" if hangs else "answers")
        command = leashed(sys.executable, "-m", "tests.calls.grpc.host", *words)
        process = await asyncio.create_subprocess_exec(
            *command, cwd=ROOT, stdout=asyncio.subprocess.PIPE
        )
        self._stack.push_async_callback(self.kill, process)
        assert await process.stdout.readline() == b"ready\n"
        return process

    @staticmethod
    async def kill(process):
        if process.returncode is None:
            process.kill()
        await process.communicate()

    def context(self, seconds=10.0):
        return Context(
            caller=SYSTEM,
            correlation_id=new_id(),
            trace_id=new_trace_id(),
            span_id=new_span_id(),
            deadline=self.clock.monotonic() + seconds,
            key=new_id(),
        )

    async def call(self, name, *, seconds=10.0, through=None):
        invoke = (through or self.caller).bind(MODEL.methods[name])
        return await invoke(self.context(seconds), *ARGUMENTS[name])


async def freeze(process):
    process.send_signal(signal.SIGSTOP)
    await asyncio.to_thread(os.waitid, os.P_PID, process.pid, os.WSTOPPED)


@pytest.fixture
async def street():
    with tempfile.TemporaryDirectory(prefix="outgrow-") as folder:
        async with AsyncExitStack() as stack:
            yield Street(stack, folder)


@pytest.mark.parametrize("name", ARGUMENTS)
async def test_a_call_waits_for_a_process_that_is_not_there_yet(street, name):
    async with asyncio.TaskGroup() as group:
        call = group.create_task(street.call(name))
        group.create_task(street.start())

    assert call.result() == REPLIES[name]
    assert street.patience.retried > 0


@pytest.mark.parametrize("is_left_over", [False, True])
async def test_where_nobody_listens_nothing_can_have_run(street, is_left_over):
    path = street.address.removeprefix("unix:")
    if is_left_over:  # as a process that was killed leaves it
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(path)
    assert Path(path).exists() is is_left_over  # noqa: ASYNC240

    with pytest.raises(ServiceUnreachable) as caught:
        await street.call("forget", through=street.transport)

    assert caught.value.may_have_run is False


@pytest.mark.parametrize("name", ["echo", "make"])
async def test_a_call_whose_process_is_killed_is_made_again_if_that_is_safe(street, name):
    first = await street.start(hangs=True)
    async with asyncio.TaskGroup() as group:
        call = group.create_task(street.call(name))
        assert await first.stdout.readline() == f"{BEGINNINGS[name]}\n".encode()
        first.kill()
        second = await street.start()

    assert call.result() == REPLIES[name]
    assert await second.stdout.readline() == f"{BEGINNINGS[name]}\n".encode()


async def test_an_unsafe_command_whose_process_is_killed_ends_at_once(street):
    first = await street.start(hangs=True)

    async def call():
        with pytest.raises(ServiceUnreachable) as caught:
            await street.call("forget")
        assert caught.value.may_have_run is True

    async with asyncio.TaskGroup() as group:
        group.create_task(call())
        assert await first.stdout.readline() == b"forget\n"
        first.kill()
        killed = street.clock.monotonic()
    assert street.clock.monotonic() - killed < 0.5

    second = await street.start()
    await street.call("echo")
    assert await second.stdout.readline() == b"echo\n", "it was not made again"


async def test_no_call_fails_because_its_process_is_replaced(street):
    process, stopped, outcomes = await street.start(), asyncio.Event(), Counter()

    async def caller(name):
        while not stopped.is_set():
            assert await street.call(name, seconds=60.0) == REPLIES[name]
            outcomes[name] += 1

    async with asyncio.TaskGroup() as group:
        for name in ["echo", "make"] * 16:
            group.create_task(caller(name))
        for ending in (signal.SIGTERM, signal.SIGKILL, signal.SIGTERM):
            async with asyncio.timeout(10):
                for _ in range(500):
                    await process.stdout.readline()
            process.send_signal(ending)
            await process.stdout.read()
            assert await process.wait() == (0 if ending is signal.SIGTERM else -ending)
            process = await street.start()
        await process.stdout.readline()
        stopped.set()

    assert min(outcomes.values()) > 500
    assert street.patience.retried > 0
    assert street.patience.given_up == 0


async def test_no_unsafe_call_fails_or_runs_twice_because_its_process_ends_in_order(street):
    process, stopped, replies, begun = await street.start(), asyncio.Event(), Counter(), 0

    async def caller():
        while not stopped.is_set():
            await street.call("forget", seconds=60.0)
            replies["forget"] += 1

    async with asyncio.TaskGroup() as group:
        for _ in range(32):
            group.create_task(caller())
        for _ in range(4):
            async with asyncio.timeout(10):
                for _ in range(300):
                    begun += await process.stdout.readline() == b"forget\n"
            process.send_signal(signal.SIGTERM)
            begun += (await process.stdout.read()).count(b"forget\n")
            assert await process.wait() == 0
            process = await street.start()
        stopped.set()
    process.send_signal(signal.SIGTERM)
    begun += (await process.stdout.read()).count(b"forget\n")

    assert begun == replies["forget"]
    assert street.patience.given_up == 0


async def test_a_frozen_process_holds_nobody_longer_than_the_deadline(street):
    process = await street.start()
    await street.call("echo")
    await freeze(process)

    async def call():
        started = street.clock.monotonic()
        with pytest.raises(CallTimedOut) as caught:
            await street.call("echo", seconds=0.3)
        assert caught.value.may_have_run is True
        assert -0.01 < street.clock.monotonic() - started - 0.3 < 0.05

    async with asyncio.TaskGroup() as group:
        for _ in range(8):
            group.create_task(call())
    process.send_signal(signal.SIGCONT)

    assert await street.call("echo") == "hello"


async def test_a_process_that_is_frozen_before_it_is_called_holds_nobody_either(street):
    process = await street.start()
    await freeze(process)
    started = street.clock.monotonic()

    # No connection is made within a second, so the call may end before its deadline.
    with pytest.raises((CallTimedOut, ServiceUnreachable)):
        await street.call("forget", seconds=1.5)
    assert street.clock.monotonic() - started < 1.55
    process.send_signal(signal.SIGCONT)

    assert await street.call("echo") == "hello"
    lines = [await process.stdout.readline()]
    assert lines == [b"echo\n"], "what was not carried did not run"
