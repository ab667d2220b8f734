"""Measures of calls, cheap enough to be always on."""

from __future__ import annotations

from dataclasses import dataclass

BUCKETS = 64
METERS_MAX = 10_000
"""How many methods and handlers one process measures."""


class Meter:
    """
    Counts and durations of one method. Lives as long as its application.

    Durations are kept as counts by powers of two of nanoseconds: `histogram[n]` counts those from
    2**(n-1) up to 2**n. That costs one addition a call and is exact enough for quantiles.
    """

    __slots__ = ("errors", "histogram", "items", "problems", "started")

    def __init__(self) -> None:
        self.histogram = [0] * BUCKETS
        self.problems = 0
        self.errors = 0
        self.started = 0
        self.items = 0

    def statistics(self) -> MeterStatistics:
        """What was measured until now."""
        ended = sum(self.histogram)
        return MeterStatistics(
            calls=ended,
            problems=self.problems,
            errors=self.errors,
            in_flight=self.started - ended,
            p50_seconds_max=self._quantile(0.50),
            p99_seconds_max=self._quantile(0.99),
            items=self.items,
        )

    def _quantile(self, share: float) -> float:
        """The upper bound of the bucket that holds the quantile; 0 if nothing was measured."""
        rank, seen = share * sum(self.histogram), 0
        for n, count in enumerate(self.histogram):
            seen += count
            if count and seen >= rank:
                return float((1 << n) / 1e9)
        return 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class MeterStatistics:
    """
    What a meter has counted.

    Attributes:
        calls: How many executions have ended.
        problems: How many of them ended with a declared problem.
        errors: How many of them failed.
        in_flight: How many go on now.
        p50_seconds_max: Half of them took no longer than this; exact to a factor of two.
        p99_seconds_max: 99 of 100 took no longer than this; exact to a factor of two.
        items: What went through its streams, whichever way; a stream is one execution.
    """

    calls: int
    problems: int
    errors: int
    in_flight: int
    p50_seconds_max: float
    p99_seconds_max: float
    items: int = 0


class Meters:
    """All meters of one application, by ``service.method``."""

    def __init__(self) -> None:
        self._meters: dict[str, Meter] = {}

    def meter(self, name: str) -> Meter:
        """The meter of that name; made when it is first asked for."""
        if name not in self._meters and len(self._meters) >= METERS_MAX:
            message = f"more than {METERS_MAX} things to measure"
            raise OverflowError(message)
        return self._meters.setdefault(name, Meter())

    def statistics(self) -> dict[str, MeterStatistics]:
        """What every meter has counted until now."""
        return {name: meter.statistics() for name, meter in sorted(self._meters.items())}
