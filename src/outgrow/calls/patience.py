"""How long a process waits for others that are not there."""

from __future__ import annotations

import asyncio
import contextlib
import math
from typing import Final

RETRY_SECONDS_MAX: Final = 5.0
"""How long a call is tried again, if its deadline allows; a process starts again in less."""

STOPPING_SECONDS_MAX: Final = 1.0
"""The same in a process that has begun to stop; longer than a connection takes to be made again."""


class Patience:
    """
    How long this process waits for others that are not there. One for all that it calls.

    Args:
        seconds_max: The longest time from the first failure of a call until it is given up.
        stopping_seconds_max: The longest such time after this process has begun to stop.
    """

    def __init__(
        self,
        seconds_max: float = RETRY_SECONDS_MAX,
        stopping_seconds_max: float = STOPPING_SECONDS_MAX,
    ) -> None:
        self.retried = 0
        self.given_up = 0
        self._seconds_max = seconds_max
        self._stopping_seconds_max = stopping_seconds_max
        self._stopping = asyncio.Event()
        self._stops_at = math.inf

    def stop(self) -> None:
        """
        Wait for the others for a moment only: this process stops, and they may be gone for good.

        The moment is for those that start again just now: what waits for them is under way, and
        does not fail because this process stops.
        """
        if not self._stopping.is_set():
            now = asyncio.get_running_loop().time()
            self._stops_at = now + self._stopping_seconds_max
            self._stopping.set()

    def give_up_at(self, failed_at: float) -> float:
        """When a call is given up that failed first at *failed_at*, by the loop's time."""
        return min(failed_at + self._seconds_max, self._stops_at)

    async def pause(self, seconds: float) -> None:
        """Wait for *seconds* of the machine's time, or until this process begins to stop."""
        stopping = asyncio.Event() if self._stopping.is_set() else self._stopping
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await stopping.wait()

    def statistics(self) -> dict[str, float]:
        """What was counted since the start, and the limit."""
        return {
            "retried": self.retried,
            "given_up": self.given_up,
            "retry_seconds_max": self._seconds_max,
        }
