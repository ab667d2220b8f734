"""What has been quick runs on the event loop; what was slow, or is unknown, runs in a thread."""

from __future__ import annotations

from time import perf_counter

QUICK_SECONDS = 0.001
STALL_SECONDS = 0.02
STRIKES_MAX = 3
FORGIVEN_AFTER_SECONDS = 1.0
TEXTS_MAX = 1024
RUNS_ASIDE = 8
RUNS_ASIDE_MAX = 4096


class Pace:
    """
    Remembers which pieces of work are quick.

    A run on the loop that takes longer than `QUICK_SECONDS` is a strike: another program may just
    have had the processor, so it takes three within a second, or one of `STALL_SECONDS`. Then the
    work runs aside for a number of times, and is tried again; the number doubles with each trial
    that fails, and is forgotten if the work was quick for `FORGIVEN_AFTER_SECONDS`. Aside only
    processor time counts, because there the wall time would tell of the loop and not of the work.

    Attributes:
        quick: The work that may run on the loop; look here before each run.
    """

    def __init__(self) -> None:
        self.quick: set[str] = set()
        self._runs_left: dict[str, int] = {}
        self._penalties: dict[str, int] = {}
        self._strikes: dict[str, tuple[int, float]] = {}
        self._quick_since: dict[str, float] = {}

    def was_slow(self, work: str, seconds: float) -> None:
        """*work* ran on the loop, and took *seconds*, which is longer than it may."""
        if seconds < STALL_SECONDS and not self._is_out(work):
            return
        self.quick.discard(work)
        self._strikes.pop(work, None)
        now = perf_counter()
        if now - self._quick_since.pop(work, now) > FORGIVEN_AFTER_SECONDS:
            self._penalties.pop(work, None)
        penalty = min(self._penalties.get(work, RUNS_ASIDE // 2) * 2, RUNS_ASIDE_MAX)
        self._remember(work, penalty)
        self._penalties[work] = penalty

    def _is_out(self, work: str) -> bool:
        now = perf_counter()
        strikes, since = self._strikes.get(work, (0, now))
        if now - since > FORGIVEN_AFTER_SECONDS:
            strikes, since = 0, now
        self._strikes[work] = (strikes + 1, since)
        return strikes + 1 >= STRIKES_MAX

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

    def _remember(self, work: str, runs_left: int) -> None:
        if work not in self._runs_left and len(self._runs_left) >= TEXTS_MAX:
            oldest = next(iter(self._runs_left))
            del self._runs_left[oldest]
            self._penalties.pop(oldest, None)
            self._strikes.pop(oldest, None)
            self._quick_since.pop(oldest, None)
            self.quick.discard(oldest)
        self._runs_left[work] = runs_left
