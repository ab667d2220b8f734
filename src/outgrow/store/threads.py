"""Blocking work beside the event loop, in threads that a busy loop cannot starve."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable
from typing import Any

NUDGE_AFTER_SECONDS = 0.005
NUDGE_SECONDS_MAX = 0.001


class Patience(asyncio.Future[Any]):
    """
    A future that cannot be cancelled: what it stands for happens whether or not somebody waits.

    A task that is cancelled while it waits here learns it when the future is done.
    """

    def cancel(self, msg: Any | None = None) -> bool:  # noqa: ARG002 - asyncio's signature
        return False


class _Job:
    """One call, and the future that waits for it."""

    __slots__ = ("_call", "_error", "_loop", "_result", "finished", "future")

    def __init__(self, call: Callable[[], Any], loop: asyncio.AbstractEventLoop) -> None:
        self._call = call
        self._loop = loop
        self._result: Any = None
        self._error: BaseException | None = None
        self.future = Patience(loop=loop)
        self.finished = threading.Lock()
        self.finished.acquire()

    def run(self) -> None:
        try:
            self._result = self._call()
        except BaseException as error:  # noqa: BLE001 - it is raised where the future is awaited
            self._error = error
        self.finished.release()
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._settle)

    def _settle(self) -> None:
        if self._error is None:
            self.future.set_result(self._result)
        else:
            self.future.set_exception(self._error)


class Threads:
    """
    A few threads that serve one queue of calls.

    A loop that is never idle lets go of the interpreter for microseconds only, too short for a
    waiting thread to notice. So as long as a call is under way the loop stands still for at most
    `NUDGE_SECONDS_MAX` every `NUDGE_AFTER_SECONDS`, which is what a thread needs to go on.
    """

    def __init__(self, name: str, count: int) -> None:
        self._name = name
        self._count = count
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []
        self.calls = 0

    def run(self, call: Callable[[], Any]) -> asyncio.Future[Any]:
        """Let *call* run in a thread; what comes back cannot be cancelled."""
        if not self._threads:
            self._start()
        loop = asyncio.get_running_loop()
        job = _Job(call, loop)
        self.calls += 1
        self._jobs.put(job)
        timer = loop.call_later(NUDGE_AFTER_SECONDS, self._nudge, job)
        job.future.add_done_callback(lambda _: timer.cancel())
        return job.future

    def close(self) -> None:
        """Let the threads end after what was given to them, and wait for that."""
        for _ in self._threads:
            self._jobs.put(None)
        for thread in self._threads:
            thread.join()
        self._threads.clear()

    def _start(self) -> None:
        for number in range(self._count):
            # A daemon, so that a program that forgets to close a store can still end.
            thread = threading.Thread(
                target=self._serve, name=f"{self._name}-{number}", daemon=True
            )
            thread.start()
            self._threads.append(thread)

    def _serve(self) -> None:
        while (job := self._jobs.get()) is not None:
            job.run()
            del job

    def _nudge(self, job: _Job) -> None:
        if job.future.done():
            return
        if job.finished.acquire(timeout=NUDGE_SECONDS_MAX):
            job.finished.release()
            return
        loop = asyncio.get_running_loop()
        timer = loop.call_later(NUDGE_AFTER_SECONDS, self._nudge, job)
        job.future.add_done_callback(lambda _: timer.cancel())
