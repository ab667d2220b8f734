"""One run of one process, from its start to its end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import msgspec

from outgrow.clock import Clock
from outgrow.process.inherited import (
    ENVIRONMENT,
    FAILED,
    LOADED,
    READY,
    SERVING,
    Failure,
    Inheritance,
)
from outgrow.process.leash import leashed
from outgrow.process.supervision.merging import LogPipe, Merged

LAST_WORDS_SECONDS = 1.0
STOP_SECONDS_MAX = 15.0
STEPS = (LOADED, SERVING, READY)

logger = logging.getLogger("outgrow.process")


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """
    How a process is started, each time in the same way.

    Attributes:
        name: The process's name.
        command: The program and its arguments.
        stop_signal: What lets it end in order.
        http: The socket on which its clients wait; None if it is no process of ours.
        lock: What it holds until it ends.
        wait_ready: Waits until it answers, for a process that does not say so itself.
        environment: Environment variables that it has besides those of the supervisor.
        folder: Where it is started; here if None.
        user: The numbers of the user and group that it runs as; ours if None.
        passed: Further file descriptors that it holds until it ends.
        on_our_death: The signal that it gets if the supervisor dies.
    """

    name: str
    command: tuple[str, ...]
    lock: int
    stop_signal: signal.Signals = signal.SIGTERM
    http: socket.socket | None = None
    wait_ready: Callable[[], Coroutine[None, None, None]] | None = None
    environment: dict[str, str] = field(default_factory=dict)
    folder: Path | None = None
    user: tuple[int, int] | None = None
    passed: tuple[int, ...] = ()
    on_our_death: signal.Signals = signal.SIGKILL


class Instance:
    """
    One run of a process.

    Attributes:
        began_at: When it was started.
        pid: Its number.
        failure: Why it could not go on, if it said so.
        declared: By each service that it hosts, the services that this declares; known once its
            code is loaded.
        status: Its exit status, or the signal that killed it as a negative number.
    """

    def __init__(self, recipe: Recipe, merged: Merged, clock: Clock) -> None:
        self.began_at: datetime = clock.now()
        self.failure: Failure | None = None
        self.declared: dict[str, list[str]] = {}
        self.pid = 0
        self._recipe = recipe
        self._merged = merged
        self._steps = {step: asyncio.Event() for step in STEPS}
        self._reached: set[str] = set()
        self._has_ended = asyncio.Event()
        self.status = 0
        self._process: asyncio.subprocess.Process | None = None
        self._channel: socket.socket | None = None
        self._asked: signal.Signals | None = None

    async def run(self) -> None:
        """Start it, and hear from it until it ends."""
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        with ours, theirs:
            self._channel = ours
            try:
                pipe = await self._start(theirs)
                if pipe is None:
                    return
                async with asyncio.TaskGroup() as tasks:
                    hearing = tasks.create_task(self._hear(ours))
                    await self._wait_process()
                    # What it said last is still on the way; what it has started may write on.
                    await asyncio.wait([hearing, pipe.ended], timeout=LAST_WORDS_SECONDS)
                    hearing.cancel()
            finally:
                self._channel = None
                self._has_ended.set()
                for step in self._steps.values():
                    step.set()

    async def wait_step(self, step: str) -> bool:
        """Wait until it has come as far as *step*; false if it ended before."""
        await self._steps[step].wait()
        return step in self._reached

    async def wait_ended(self) -> int:
        """Wait for its end: its exit status, or the signal that killed it as a negative number."""
        await self._has_ended.wait()
        return self.status

    @property
    def has_ended(self) -> bool:
        """Whether it is over."""
        return self._has_ended.is_set()

    def has_reached(self, step: str) -> bool:
        """Whether it has come as far as *step*; it may have ended since."""
        return step in self._reached

    def say(self, word: bytes) -> None:
        """Tell it *word*; it may have ended."""
        if self._channel is not None:
            with contextlib.suppress(OSError):
                self._channel.send(word)

    def send_signal(self, number: signal.Signals) -> None:
        """Send it a signal that ends it, if it is still there, or as soon as it is."""
        self._asked = number
        if self._process is not None and not self._has_ended.is_set():
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(number)

    def tell(self, number: signal.Signals) -> None:
        """Send a signal that does not end it, if it answers; what is not there yet needs none."""
        if self._process is not None and READY in self._reached and not self._has_ended.is_set():
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(number)

    async def stop(self) -> bool:
        """
        Let it end in order, and kill it if it does not.

        Returns:
            Whether it ended in order, or had nothing to bring in order yet.
        """
        if self._asked is None:  # Who is asked twice does not finish what it does.
            # At first it is still the leash, a Python that would tell of a SIGINT at length.
            is_working = SERVING in self._reached
            self.send_signal(self._recipe.stop_signal if is_working else signal.SIGTERM)
        try:
            async with asyncio.timeout(STOP_SECONDS_MAX):
                return await self.wait_ended() == 0 or SERVING not in self._reached
        except TimeoutError:
            logger.error("process %s does not end, and is killed", self._recipe.name)  # noqa: TRY400
            self.send_signal(signal.SIGKILL)
            await self.wait_ended()
            return False

    async def _start(self, theirs: socket.socket) -> LogPipe | None:
        """Start it; None if the system does not let it."""
        recipe = self._recipe
        pipe, writing = await LogPipe.open(recipe.name, self._merged)
        passed = [recipe.lock, *recipe.passed]
        environment = {**os.environ, **recipe.environment, "PYTHONUNBUFFERED": "1"}
        if recipe.http is not None:
            inheritance = Inheritance(
                channel=theirs.fileno(),
                http=recipe.http.fileno(),
                lock=recipe.lock,
                is_terminal=self._merged.is_terminal,
            )
            passed += [inheritance.channel, inheritance.http]
            environment[ENVIRONMENT] = msgspec.json.encode(inheritance).decode()
        try:
            self._process = await asyncio.create_subprocess_exec(
                *leashed(*recipe.command, on_end=recipe.on_our_death, user=recipe.user),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=writing,
                stderr=writing,
                pass_fds=passed,
                env=environment,
                cwd=recipe.folder,
                start_new_session=True,  # Ctrl-C is for the supervisor, which tells the others.
            )
        except OSError as error:
            logger.error("process %s could not be started: %s", recipe.name, error)  # noqa: TRY400
            self.status = 1
            return None
        finally:
            os.close(writing)
            theirs.close()
        self.pid = self._process.pid
        if self._asked is not None:
            self._process.send_signal(self._asked)
        return pipe

    async def _wait_process(self) -> None:
        assert self._process is not None
        try:
            self.status = await self._process.wait()
        except asyncio.CancelledError:
            self.send_signal(signal.SIGKILL)
            self.status = -signal.SIGKILL
            raise

    async def _hear(self, ours: socket.socket) -> None:
        """Hear what it says until it says no more."""
        if self._recipe.wait_ready is not None:
            await self._recipe.wait_ready()
            for step in STEPS:
                self._reach(step)
            return
        loop, rest = asyncio.get_running_loop(), b""
        while data := await loop.sock_recv(ours, 65536):
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                word, _, more = line.decode().partition(" ")
                if word == FAILED:
                    self.failure = msgspec.json.decode(more, type=Failure)
                    continue
                if word == LOADED and more:
                    self.declared = msgspec.json.decode(more, type=dict[str, list[str]])
                self._reach(word)

    def _reach(self, step: str) -> None:
        self._reached.add(step)
        self._steps[step].set()
