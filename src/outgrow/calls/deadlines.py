"""Deadlines: what cancels an execution whose caller has given up."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

from outgrow.clock import Clock

DEADLINE_SECONDS_DEFAULT = 10.0
GRACE_SECONDS = 0.05

if sys.version_info >= (3, 12):
    running_task = asyncio.current_task
else:
    # Before 3.12 the public function is Python and takes as long as the rest of a call.
    running_task = asyncio.tasks._current_tasks.get  # type: ignore[attr-defined]  # noqa: SLF001


class Watch:
    """
    Cancels one task when a deadline passes, and again each 50 ms while it does not end.

    Calls in one process that share a task and a deadline share a watch, so that a call inside a
    call costs no timer. It lives as long as the execution that it was made for.
    """

    __slots__ = ("_cancelled", "_clock", "_others", "_timer", "task")

    def __init__(self, clock: Clock, deadline: float, task: asyncio.Task[Any]) -> None:
        self.task = task
        self._clock = clock
        self._cancelled = 0
        self._others = task.cancelling()
        self._timer = clock.call_at(deadline, self._fire)

    def _fire(self) -> None:
        self._cancelled += 1
        self.task.cancel()
        self._timer = self._clock.call_at(self._clock.monotonic() + GRACE_SECONDS, self._fire)

    @property
    def has_fired(self) -> bool:
        """Whether a cancellation of the task is this watch's doing, and nobody else's."""
        return self._cancelled > 0 and self.task.cancelling() <= self._others + self._cancelled

    def stop(self) -> None:
        """End the watch and take its cancellations back."""
        self._timer.cancel()
        for _ in range(self._cancelled):
            self.task.uncancel()
