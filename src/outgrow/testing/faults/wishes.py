"""What goes wrong between two services, drawn by a seed."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, fields
from typing import Any, Final, TypedDict

import msgspec

OUTSIDE: Final = "outside"
"""The caller that is no service: the test itself, or a request from outside."""

BYTES: Final = frozenset({"black_hole", "half_open", "slow_bytes", "reset_mid_reply"})
"""What happens to connections; the others happen to single calls."""


class Wishes(TypedDict, total=False):
    """What `Faults.between` takes: see `Fault`."""

    latency: float | tuple[float, float]
    error: float
    refusal: float
    duplicate: float
    reorder: float
    black_hole: bool
    half_open: bool
    slow_bytes: int
    reset_mid_reply: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """
    What goes wrong.

    Attributes:
        latency: Seconds, by the machine's time, that each call is held up; or from and to.
        error: How often a call is cut: half of these before it runs, half after. Nobody knows
            which, so ``may_have_run`` is true. 1 is always.
        refusal: How often a call is refused with `Overloaded`; it does not run.
        duplicate: How often a call arrives twice, if its contract makes a repeat safe.
        reorder: How often a call is held until another has overtaken it, or for a moment.
        black_hole: Nothing passes, in either direction, and nobody is told.
        half_open: What was asked arrives, and no reply comes back: the callee has lost connections
            that its caller believes in. New ones are whole.
        slow_bytes: How many bytes pass in a second, in each direction.
        reset_mid_reply: The connection is reset in the middle of the next reply.
    """

    latency: float | tuple[float, float] = 0.0
    error: float = 0.0
    refusal: float = 0.0
    duplicate: float = 0.0
    reorder: float = 0.0
    black_hole: bool = False
    half_open: bool = False
    slow_bytes: int = 0
    reset_mid_reply: bool = False

    def __post_init__(self) -> None:
        for name in ("error", "refusal", "duplicate", "reorder"):
            if not 0 <= getattr(self, name) <= 1:
                message = f"{name}={getattr(self, name)}: how often, from 0 to 1"
                raise ValueError(message)
        low, high = self.seconds
        if not 0 <= low <= high or self.slow_bytes < 0:
            message = f"{self}: times and sizes are not below zero, and ranges go from low to high"
            raise ValueError(message)
        if not self.asked:
            message = "no fault was named. Give at least one, such as latency=0.1"
            raise ValueError(message)

    @property
    def seconds(self) -> tuple[float, float]:
        """The latency, from and to."""
        if isinstance(self.latency, int | float):
            return self.latency, self.latency
        low, high = self.latency
        return low, high

    @property
    def asked(self) -> dict[str, Any]:
        """What was asked for, by name."""
        return {f.name: value for f in fields(self) if (value := getattr(self, f.name))}

    @property
    def of_bytes(self) -> bool:
        """Whether it happens to connections."""
        return bool(BYTES & self.asked.keys())


class Throw(msgspec.Struct, frozen=True, kw_only=True):
    """
    What happens to one call.

    Attributes:
        method: ``service.method``.
        cut: ``before`` it runs, ``after``, or not at all.
    """

    method: str
    latency: float
    refused: bool
    cut: str
    duplicated: bool
    held: bool


@dataclass(slots=True)
class Dice:
    """
    Draws what happens to each call of one lane; the same for the same seed, call by call.

    Each call draws as many numbers, whatever is asked for: so one wish more changes no other.
    """

    fault: Fault
    seed: str
    thrown: list[Throw] = field(default_factory=list)
    _random: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)  # noqa: S311 - no secret

    def throw(self, method: str) -> Throw:
        """What happens to the next call, which is of *method*."""
        draws = [self._random.random() for _ in range(6)]
        low, high = self.fault.seconds
        cut = ""
        if draws[1] < self.fault.error:
            cut = "before" if draws[2] < 0.5 else "after"
        throw = Throw(
            method=method,
            latency=low + (high - low) * draws[0],
            refused=draws[3] < self.fault.refusal,
            cut=cut,
            duplicated=draws[4] < self.fault.duplicate,
            held=draws[5] < self.fault.reorder,
        )
        self.thrown.append(throw)
        return throw
