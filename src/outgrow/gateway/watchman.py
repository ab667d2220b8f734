"""
Notices requests that take long: whose client went away, or sends its body too slowly.

Most requests are over at once. Timers and tasks for each of them would cost more than all else that
the edge does, so one timer looks after all.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from typing import Any

TICK_SECONDS = 0.025


class Watchman:
    """
    Comes by every 25 ms while anybody is in. Lives as long as its edge, on its loop.

    Whoever is still there at its second visit is told how long that is.
    """

    def __init__(self) -> None:
        self._watches: set[Watch] = set()
        self._timer: asyncio.TimerHandle | None = None

    def watch(self, wait_disconnect: Callable[[], Any] | None, seconds_max: float) -> Watch:
        """
        Watch the running task until the watch is ended.

        Args:
            wait_disconnect: Waits until the client has gone away; the task is then cancelled.
            seconds_max: How long it may take before it is cancelled.
        """
        loop = asyncio.get_running_loop()
        watch = Watch(self._watches, asyncio.current_task(loop), wait_disconnect, seconds_max)
        self._watches.add(watch)
        if self._timer is None:
            self._timer = loop.call_later(TICK_SECONDS, self._come_by, loop)
        return watch

    def _come_by(self, loop: asyncio.AbstractEventLoop) -> None:
        for watch in list(self._watches):
            watch.tick(loop)
        timer = loop.call_later(TICK_SECONDS, self._come_by, loop) if self._watches else None
        self._timer = timer


class Watch:
    """
    Looks after one task.

    Attributes:
        has_client_gone: Whether the task was cancelled because its client went away.
        is_too_slow: Whether the task was cancelled because it took too long.
        task: What waits for the client to go away; None while the task is young.
    """

    __slots__ = (
        "_seconds",
        "_seconds_max",
        "_timer",
        "_wait_disconnect",
        "_watched",
        "_watches",
        "has_client_gone",
        "is_too_slow",
        "task",
    )

    def __init__(
        self,
        watches: set[Watch],
        watched: asyncio.Task[Any] | None,
        wait_disconnect: Callable[[], Any] | None,
        seconds_max: float,
    ) -> None:
        self._watches = watches
        self._watched = watched
        self._wait_disconnect = wait_disconnect
        self._seconds = 0.0
        self._seconds_max = seconds_max
        self.has_client_gone = False
        self.is_too_slow = False
        self.task: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None

    def tick(self, loop: asyncio.AbstractEventLoop) -> None:
        """Hear that a while has passed."""
        self._seconds += TICK_SECONDS
        if self._seconds > self._seconds_max and not self.is_too_slow:
            self._expire()
        elif self._wait_disconnect is not None and self.task is None:
            # Not in a TaskGroup, whose entry alone costs as much as a short call: `end` awaits it.
            self.task = loop.create_task(self._wait())
            # Streams are long and many: they need not be visited any more.
            self._watches.discard(self)
            if self._seconds_max < math.inf:
                left = self._seconds_max - self._seconds
                self._timer = loop.call_later(left, self._expire)

    def _expire(self) -> None:
        self.is_too_slow = True
        self._cancel()

    async def _wait(self) -> None:
        if self._wait_disconnect is not None:
            await self._wait_disconnect()
            self.has_client_gone = True
            self._cancel()

    def _cancel(self) -> None:
        if self._watched is not None:
            self._watched.cancel()

    def end_nowait(self) -> bool:
        """End the watch; if it has a task by now, `end` must be awaited as well."""
        self._watches.discard(self)
        if self._timer is not None:
            self._timer.cancel()
        return self.task is None

    async def end(self) -> None:
        """Wait until the watch's own task has ended; what went wrong in it is raised here."""
        if self.task is not None:
            self.task.cancel()
            await asyncio.wait([self.task])
            if not self.task.cancelled():
                self.task.result()

    def takes_back(self) -> bool:
        """Whether the task's cancellation was this watch's alone, which is then forgotten."""
        fired = self.has_client_gone or self.is_too_slow
        return fired and self._watched is not None and self._watched.uncancel() == 0
