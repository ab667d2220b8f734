"""
How a figure comes about: the thing and its baseline in alternation, and the median of the ratios.

Machines drift: what else runs, how warm they are. A round measures both, one right after the other,
and the next round in the other order, so that what drifts meets both alike. A ratio is taken inside
a round, never across rounds.
"""

import gc
import math
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from statistics import median
from typing import Any

ROUNDS = 7
ROUNDS_MIN = 6


@dataclass(slots=True)
class Rounds:
    """What the rounds of one comparison gave."""

    values: list[float] = field(default_factory=list)
    baselines: list[float] = field(default_factory=list)

    @property
    def ratios(self) -> list[float]:
        return [v / b for v, b in zip(self.values, self.baselines, strict=True)]

    def figure(self, name: str, unit: str, **more: Any) -> dict[str, Any]:
        """
        The line that is printed.

        Args:
            name: ``room.what.variant``.
            unit: Of value and baseline, such as ``ns`` or ``1/s``.
            more: Further fields, such as ``goal`` or ``of`` (what the baseline is).

        Raises:
            ValueError: There were fewer rounds than a median is worth.
        """
        if len(self.values) < ROUNDS_MIN:
            raise ValueError(f"{name}: {len(self.values)} rounds; at least {ROUNDS_MIN} are needed")
        ratios = sorted(self.ratios)
        return {
            "name": name,
            "value": _short(median(self.values)),
            "unit": unit,
            "baseline": _short(median(self.baselines)),
            "ratio": _short(median(ratios)),
            "spread": [_short(ratios[0]), _short(ratios[-1])],
            "rounds": len(ratios),
            **more,
        }


def alternate(
    value: Callable[[], float], baseline: Callable[[], float], rounds: int = ROUNDS
) -> Rounds:
    """
    Measure *value* and *baseline* in alternation, after one round that does not count.

    Args:
        value: Measures the thing once and returns the figure.
        baseline: Measures what it is compared with, in the same unit.
        rounds: How many rounds count.
    """
    found = Rounds()
    for is_value_first in _orders(rounds):
        first, second = (value, baseline) if is_value_first else (baseline, value)
        a, b = first(), second()
        _keep(found, (a, b) if is_value_first else (b, a))
    return _counted(found)


async def alternate_async(
    value: Callable[[], Awaitable[float]],
    baseline: Callable[[], Awaitable[float]],
    rounds: int = ROUNDS,
) -> Rounds:
    """`alternate` for measurements that wait: both share the loop that is running."""
    found = Rounds()
    for is_value_first in _orders(rounds):
        first, second = (value, baseline) if is_value_first else (baseline, value)
        a, b = await first(), await second()
        _keep(found, (a, b) if is_value_first else (b, a))
    return _counted(found)


def _orders(rounds: int) -> Iterator[bool]:
    for n in range(rounds + 1):
        gc.collect()
        yield n % 2 == 0


def _keep(found: Rounds, pair: tuple[float, float]) -> None:
    found.values.append(pair[0])
    found.baselines.append(pair[1])


def _counted(found: Rounds) -> Rounds:
    """All rounds but the first, in which everything was cold."""
    return Rounds(found.values[1:], found.baselines[1:])


def _short(number: float) -> float:
    """Four significant digits: more would be invented."""
    if number == 0 or not math.isfinite(number):
        return number
    return round(number, 3 - math.floor(math.log10(abs(number))))
