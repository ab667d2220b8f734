"""Deadlines: what cancels an execution whose caller has given up."""

from __future__ import annotations

import asyncio
import logging
import math
import sys
from typing import Any

from outgrow.clock import Clock

DEADLINE_SECONDS_DEFAULT = 10.0
STREAM_SECONDS_DEFAULT = 3_600.0
GRACE_SECONDS = 0.05
LOOK_SECONDS = 0.02
SWALLOWED_MAX = 20

_log = logging.getLogger("outgrow.calls")

if sys.version_info >= (3, 12):
    running_task = asyncio.current_task
else:
    # Before 3.12 the public function is Python and takes as long as the rest of a call.
    running_task = asyncio.tasks._current_tasks.get  # type: ignore[attr-defined]  # noqa: SLF001


class Watch:
    """
    One task that is cancelled when its deadline passes, and again each 50 ms while it goes on.

    Calls in one process that share a task and a deadline share a watch, so that a call inside a
    call costs nothing. It lives as long as the execution that it was made for.
    """

    __slots__ = ("_cancelled", "_clock", "_others", "due", "task")

    def __init__(self, deadline: float, task: asyncio.Task[Any], clock: Clock) -> None:
        self.task = task
        self._clock = clock
        self.due = deadline
        self._cancelled = 0
        self._others = task.cancelling()

    def fire(self, now: float) -> None:
        """Cancel the task; if it goes on, it is due again."""
        self._cancelled += 1
        if self._cancelled == SWALLOWED_MAX:
            _log.error("%s swallows its cancellation and cannot be ended", self.task.get_coro())
        self.due = now + GRACE_SECONDS
        self.task.cancel()

    @property
    def has_fired(self) -> bool:
        """Whether a cancellation of the task is this watch's doing, and nobody else's."""
        return self._cancelled > 0 and self.task.cancelling() <= self._others + self._cancelled

    @property
    def is_over(self) -> bool:
        """Whether its deadline has passed, though nobody may have looked yet."""
        return self._cancelled > 0 or self._clock.monotonic() >= self.due

    def take_back(self) -> None:
        """Take the cancellations back, once the execution has ended."""
        for _ in range(self._cancelled):
            self.task.uncancel()


class Watches:
    """
    All watches of one application, looked at by one timer.

    A timer for each call would cost as much as the call. The looks are at most `LOOK_SECONDS`
    apart while anything is watched, and none otherwise; a deadline is never missed by more.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._watches: dict[Watch, None] = {}
        self._is_looking = False
        self._due = -math.inf
        self._lag = 0.0

    def __len__(self) -> int:
        return len(self._watches)

    def add(self, deadline: float, task: asyncio.Task[Any]) -> Watch:
        """Cancel *task* at *deadline*, until the watch is ended."""
        watch = Watch(deadline, task, self._clock)
        self._watches[watch] = None
        if not self._is_looking:
            self._look_later(self._clock.monotonic(), deadline)
        return watch

    def end(self, watch: Watch) -> None:
        """Let the task go on; it has ended what was watched."""
        del self._watches[watch]
        watch.take_back()

    def lag(self, now: float) -> float:
        """How late the last look was, if it was just now: as late is what begins now."""
        return self._lag if now - self._due < 2 * (LOOK_SECONDS + self._lag) else 0.0

    def _look_later(self, now: float, due: float) -> None:
        self._is_looking = True
        self._due = min(now + LOOK_SECONDS, due)
        self._clock.call_at(self._due, self._look)

    def _look(self) -> None:
        self._is_looking = False
        now = self._clock.monotonic()
        self._lag = max(0.0, now - self._due)
        for watch in list(self._watches):
            if watch.due <= now:
                watch.fire(now)
        if self._watches:
            self._look_later(now, min(watch.due for watch in self._watches))
