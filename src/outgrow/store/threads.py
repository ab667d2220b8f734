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


class _Errand(asyncio.Future[Any]):
    """
    A future whose cancellation ends what it stands for.

    A call that has not begun never does. One that has is interrupted, and until it has ended its
    task is not told, so that nothing it uses is used by another meanwhile.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, begun: threading.Lock, interrupt: Callable[[], None]
    ) -> None:
        super().__init__(loop=loop)
        self._begun = begun
        self._interrupt = interrupt

    def cancel(self, msg: Any | None = None) -> bool:
        if self.done():
            return False
        if self._begun.acquire(blocking=False):
            return super().cancel(msg)
        self._interrupt()
        return False


class _Job:
    """
    One call, and the future that waits for it.

    Args:
        call: What is called.
        future: What it is told.
        begun: Taken by who comes first: the thread that makes the call, or who cancels it.
    """

    __slots__ = ("_begun", "_call", "_error", "_loop", "_result", "finished", "future")

    def __init__(
        self,
        call: Callable[[], Any],
        future: asyncio.Future[Any],
        begun: threading.Lock,
    ) -> None:
        self._call = call
        self._begun = begun
        self._loop = future.get_loop()
        self._result: Any = None
        self._error: BaseException | None = None
        self.future = future
        self.finished = threading.Lock()
        self.finished.acquire()

    def run(self) -> None:
        if not self._begun.acquire(blocking=False):
            return
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
        future = Patience(loop=asyncio.get_running_loop())
        return self._put(_Job(call, future, threading.Lock()))

    def run_unless_cancelled(
        self, call: Callable[[], Any], interrupt: Callable[[], None]
    ) -> asyncio.Future[Any]:
        """
        Let *call* run in a thread, until what comes back is cancelled.

        Args:
            call: What has an effect only if it is not cancelled.
            interrupt: Called on the loop to make *call* end soon, if it is under way.
        """
        begun = threading.Lock()
        errand = _Errand(asyncio.get_running_loop(), begun, interrupt)
        return self._put(_Job(call, errand, begun))

    def _put(self, job: _Job) -> asyncio.Future[Any]:
        if not self._threads:
            self._start()
        self.calls += 1
        self._jobs.put(job)
        timer = job.future.get_loop().call_later(NUDGE_AFTER_SECONDS, self._nudge, job)
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
