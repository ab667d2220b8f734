"""The only place that may ask what time it is, or wait."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Timer(Protocol):
    """Something that will happen, unless it is cancelled first."""

    def cancel(self) -> None:
        """Let it not happen; does nothing if it has."""


class Clock(Protocol):
    """What time it is. One clock belongs to one running application."""

    def now(self) -> datetime:
        """The wall time, aware, in UTC."""

    def monotonic(self) -> float:
        """Seconds since a fixed but unknown moment; deadlines are told in it."""

    def call_at(self, when: float, callback: Callable[[], object]) -> Timer:
        """Call *callback* on the running loop once `monotonic` has reached *when*."""

    async def sleep(self, seconds: float) -> None:
        """Wait for *seconds*."""


class SystemClock:
    """The machine's own time."""

    def now(self) -> datetime:
        return datetime.now(UTC)  # noqa: TID251 - this is the place

    monotonic = staticmethod(time.monotonic)  # noqa: TID251 - this is the place

    def call_at(self, when: float, callback: Callable[[], object]) -> Timer:
        # A loop's own time need not start where the system's does.
        loop = asyncio.get_running_loop()
        return loop.call_at(loop.time() + when - self.monotonic(), callback)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)  # noqa: TID251 - this is the place


class _ManualTimer:
    """A callback in a `ManualClock`'s queue."""

    __slots__ = ("callback", "when")

    def __init__(self, when: float, callback: Callable[[], object]) -> None:
        self.when = when
        self.callback: Callable[[], object] | None = callback

    def cancel(self) -> None:
        self.callback = None


class ManualClock:
    """A clock that stands still until it is moved: for tests."""

    def __init__(self, start: datetime = datetime(2030, 1, 1, tzinfo=UTC)) -> None:
        self._start = start
        self._elapsed = 0.0
        self._order = itertools.count()
        self._timers: list[tuple[float, int, _ManualTimer]] = []

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self._elapsed)

    def monotonic(self) -> float:
        return self._elapsed

    def call_at(self, when: float, callback: Callable[[], object]) -> Timer:
        timer = _ManualTimer(when, callback)
        heapq.heappush(self._timers, (when, next(self._order), timer))
        return timer

    async def sleep(self, seconds: float) -> None:
        passed = asyncio.get_running_loop().create_future()

        def wake() -> None:
            if not passed.done():
                passed.set_result(None)

        timer = self.call_at(self._elapsed + seconds, wake)
        try:
            await passed
        finally:
            timer.cancel()

    def next_timer(self) -> float | None:
        """Seconds until the earliest timer that still stands, or None."""
        while self._timers and self._timers[0][2].callback is None:
            heapq.heappop(self._timers)
        return self._timers[0][0] - self._elapsed if self._timers else None

    def advance(self, seconds: float) -> None:
        """Move time forward, calling in order what becomes due on the way."""
        end = self._elapsed + seconds
        while self._timers and self._timers[0][0] <= end:
            when, _, timer = heapq.heappop(self._timers)
            self._elapsed = max(self._elapsed, when)
            if timer.callback is not None:
                callback, timer.callback = timer.callback, None
                callback()
        self._elapsed = end
