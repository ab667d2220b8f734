"""What is known of one method: how many of its calls go on, and how long one takes by itself."""

from __future__ import annotations

import math

LEARNED_EACH_LOOK = 0.003
"""How much of what is slower than the baseline the baseline takes over, each look."""

YOUNG_SECONDS = 0.5
"""How long a new gate takes what it measures for the baseline: the quickest calls end first."""


class Gate:
    """
    Where the calls of one method come in. Lives as long as its limiter.

    Attributes:
        method: ``service.method``.
        concurrency: How many may go on at once; None if the process's adaptive limit holds.
        in_flight: How many go on, of those that came in through the gate.
        baseline_seconds: How long a call takes while nothing is in its way; 0 if not known yet.
        ended: How many ended since the last look.
        seconds: How long these took, with what they had waited.
    """

    __slots__ = (
        "baseline_seconds",
        "concurrency",
        "ended",
        "in_flight",
        "known_since",
        "method",
        "seconds",
    )

    def __init__(self, method: str, concurrency: int | None = None) -> None:
        self.method = method
        self.concurrency = concurrency
        self.in_flight = 0
        self.baseline_seconds = 0.0
        self.known_since = math.inf
        self.ended = 0
        self.seconds = 0.0

    def learn(self, now: float) -> None:
        """
        Make what was measured since the last look part of the baseline.

        A baseline falls at once, and rises slowly: a queue that grows within a second must show,
        while a service that has become slower is what it is after some time.
        """
        average = self.seconds / self.ended
        self.known_since = min(self.known_since, now)
        is_young = now - self.known_since < max(YOUNG_SECONDS, 1.2 * average)
        if is_young or average < self.baseline_seconds:
            self.baseline_seconds = average
        else:
            self.baseline_seconds += LEARNED_EACH_LOOK * (average - self.baseline_seconds)

    def learn_anew(self) -> None:
        """Make what was measured the baseline, whatever it was."""
        self.baseline_seconds = self.seconds / self.ended

    def forget(self) -> None:
        """Begin to measure anew; the baseline stays."""
        self.ended, self.seconds = 0, 0.0

    @property
    def expected_seconds(self) -> float:
        """How long the calls that ended would have taken with nothing in their way."""
        return self.ended * (self.baseline_seconds or self.seconds / self.ended)
