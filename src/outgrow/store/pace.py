"""What has been quick runs on the event loop; what was slow, or is unknown, runs in a thread."""

from __future__ import annotations

import resource
from collections.abc import Callable
from time import perf_counter, thread_time
from typing import Any

QUICK_SECONDS = 0.001
STALL_SECONDS = 0.1
RUNS_WATCHED = 8
FORGIVEN_AFTER_SECONDS = 1.0
TEXTS_MAX = 1024
RUNS_ASIDE = 8
RUNS_ASIDE_MAX = 4096


class Pace:
    """
    Remembers which pieces of work are quick.

    If a run on the loop takes longer than `QUICK_SECONDS`, another program may just have had the
    processor, and to go aside would make it worse. So the next runs are watched: whether the work
    itself took so long, or waited for the disk. Then, or if a run took `STALL_SECONDS`, it runs
    aside for a number of times, and is tried again; the number doubles with each trial that fails,
    and is forgotten if the work was quick for `FORGIVEN_AFTER_SECONDS`. Aside only processor time
    counts, because there the wall time would tell of the loop and not of the work.

    Attributes:
        quick: The work that may run on the loop; look here before each run.
        watched: The work that may run on the loop by `watch`, and how many more times.
    """

    def __init__(self) -> None:
        self.quick: set[str] = set()
        self.watched: dict[str, int] = {}
        self._runs_left: dict[str, int] = {}
        self._penalties: dict[str, int] = {}
        self._quick_since: dict[str, float] = {}

    def was_slow(self, work: str, seconds: float) -> None:
        """*work* ran on the loop, and took *seconds*, which is longer than it may."""
        if seconds >= STALL_SECONDS:
            self._send_aside(work)
        elif work in self.quick:
            self.quick.discard(work)
            self.watched[work] = RUNS_WATCHED

    def watch(self, call: Callable[[str, Any], Any], work: str, parameters: Any) -> Any:
        """Make *call* of *work* on the loop, and learn why it takes as long as it does."""
        started, worked, waited = perf_counter(), thread_time(), _waits()
        try:
            return call(work, parameters)
        finally:
            worked = thread_time() - worked
            has_waited = perf_counter() - started > QUICK_SECONDS and _waits() > waited
            if worked > QUICK_SECONDS or has_waited:
                self._send_aside(work)
            else:
                self._seemed_quick(work)

    def _seemed_quick(self, work: str) -> None:
        left = self.watched.get(work, 0) - 1
        if left > 0:
            self.watched[work] = left
        elif work in self.watched:
            del self.watched[work]
            self.quick.add(work)

    def _send_aside(self, work: str) -> None:
        self.quick.discard(work)
        self.watched.pop(work, None)
        now = perf_counter()
        if now - self._quick_since.pop(work, now) > FORGIVEN_AFTER_SECONDS:
            self._penalties.pop(work, None)
        penalty = min(self._penalties.get(work, RUNS_ASIDE // 2) * 2, RUNS_ASIDE_MAX)
        self._remember(work, penalty)
        self._penalties[work] = penalty

    def ran_aside(self, work: str, processor_seconds: float) -> None:
        """*work* ran in a thread."""
        if processor_seconds > QUICK_SECONDS:
            self._remember(work, RUNS_ASIDE)
            return
        left = self._runs_left.get(work, 1) - 1
        self._remember(work, left)
        if left <= 0:
            self.quick.add(work)
            self._quick_since.setdefault(work, perf_counter())

    def is_known(self, work: str) -> bool:
        """Whether *work* ran before, as far as is remembered."""
        return work in self._runs_left

    def known(self) -> list[str]:
        """All work that ran before, as far as is remembered."""
        return list(self._runs_left)

    def _remember(self, work: str, runs_left: int) -> None:
        if work not in self._runs_left and len(self._runs_left) >= TEXTS_MAX:
            oldest = next(iter(self._runs_left))
            del self._runs_left[oldest]
            self._penalties.pop(oldest, None)
            self.watched.pop(oldest, None)
            self._quick_since.pop(oldest, None)
            self.quick.discard(oldest)
        self._runs_left[work] = runs_left


def _waits() -> int:
    """How often this thread has let go of the processor by itself, as who waits for a disk does."""
    who = getattr(resource, "RUSAGE_THREAD", resource.RUSAGE_SELF)  # Only Linux tells of threads.
    return resource.getrusage(who).ru_nvcsw
