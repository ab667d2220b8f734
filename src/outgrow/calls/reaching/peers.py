"""One endpoint as this process has met it: how slow, how much under way, whether it is left out."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Final

from outgrow.calls.transport import Transport
from outgrow.discovery import Endpoint

GRAIN_SECONDS: Final = 0.001
"""Differences below this are not worth choosing by; it is added to durations that are compared."""

FALL: Final = 1 / 8
RISE: Final = 1 / 64

DECAY_SECONDS: Final = 2.0
"""How long an endpoint is held to be as slow as its slowest call was."""

LONGEST_SECONDS: Final = 0.5
"""What the longest call of a method is taken for before any has ended."""

LONGEST_DECAY_SECONDS: Final = 600.0
"""How long a longest call is remembered: what takes long now and then is not taken for silence."""

GUESS_DECAY_SECONDS: Final = 30.0
"""How long it is guessed, before any has been seen."""

OVERDUE_SECONDS_MIN: Final = 0.25
"""A call is not overdue before, however short the others were; see `Durations.overdue`."""

RETURN_SHARE: Final = 0.1
"""The part of its weight with which an endpoint comes back, or is new."""

RETURN_SECONDS: Final = 5.0
"""How long it takes until it has all of its weight."""

_log = logging.getLogger("outgrow.calls")


class Durations:
    """
    How long one method takes, at whichever endpoint.

    An endpoint is slow if its calls take longer than is usual for *their* method, so that a slow
    method makes nobody look slow.

    Attributes:
        usual: What most calls take, or less: it falls faster than it rises, so that few slow calls
            do not move it. 0 before the first.
        longest: The longest call of late.
    """

    __slots__ = ("_decay_seconds", "longest", "stamp", "usual")

    def __init__(self, now: float) -> None:
        self.usual = 0.0
        self.longest = LONGEST_SECONDS
        self.stamp = now
        self._decay_seconds = GUESS_DECAY_SECONDS

    def slowness(self, elapsed: float) -> float:
        """How many times longer than usual *elapsed* is; 1 if nothing is known."""
        if not self.usual:
            return 1.0
        return (elapsed + GRAIN_SECONDS) / (self.usual + GRAIN_SECONDS)

    def take(self, elapsed: float) -> None:
        """Learn from a call that has ended."""
        usual = self.usual
        if not usual:
            self.usual = elapsed
        else:
            self.usual = usual + (elapsed - usual) * (FALL if elapsed < usual else RISE)

    def take_longest(self, elapsed: float) -> None:
        """Remember the longest call of all that have ended."""
        self.longest, self._decay_seconds = elapsed, LONGEST_DECAY_SECONDS

    def overdue(self, now: float) -> float:
        """How long a call may wait before it is thought that nobody answers it."""
        self.longest *= max(0.0, 1 - (now - self.stamp) / self._decay_seconds)
        self.stamp = now
        return max(OVERDUE_SECONDS_MIN, 2 * self.longest, 4 * self.usual)


class Peer:
    """
    One endpoint of a service, and what this process knows of it.

    Attributes:
        slowness: How many times longer than usual its calls take: a peak that decays (peak EWMA,
            as in Finagle). 1 is usual.
        weight: Its weight now: less than its endpoint's while it comes back.
        crowding: The greatest weight of any, divided by its own.
        in_flight: Calls and streams under way there.
        heard_at: When it ended a call last, however that was, or gave an item of a stream.
        strikes: Calls in a row that failed or were far too slow.
        out_since: When it was left out.
        out_until: Until when it is left out at least; 0 if it is not.
        outs: How often in a row it was left out.
        back_at: When it came back; it grows to its weight from then on.
        is_probed: Whether a call tries it while it is left out.
        probes: How many calls have tried it so.
        is_leaving: Whether the directory names it no more.
    """

    __slots__ = (
        "_is_closed",
        "_transport",
        "back_at",
        "calls",
        "crowding",
        "endpoint",
        "failures",
        "heard_at",
        "in_flight",
        "is_leaving",
        "is_probed",
        "out_since",
        "out_until",
        "outs",
        "probes",
        "slowness",
        "stamp",
        "strikes",
        "weight",
        "why",
    )

    def __init__(self, endpoint: Endpoint, now: float, *, is_late: bool) -> None:
        self.endpoint = endpoint
        self.slowness = 1.0
        self.stamp = self.heard_at = self.out_since = now
        self.back_at = now if is_late else now - RETURN_SECONDS
        self.weight = float(endpoint.weight)
        self.crowding = 1.0
        self.in_flight = self.calls = self.failures = self.strikes = self.outs = 0
        self.probes = 0
        self.out_until = 0.0
        self.why = ""
        self.is_probed = self.is_leaving = False
        self._transport: Transport | None = None
        self._is_closed = False

    @property
    def cost(self) -> float:
        """What choosing it costs: it is slow, or much is under way there for its weight."""
        return self.slowness * (self.in_flight * self.crowding + 1)

    def take(self, slowness: float, now: float) -> None:
        """Learn from a call that has ended: at once if it was slow, slowly if it was not."""
        if slowness >= self.slowness:
            self.slowness = slowness
        else:
            passed = (now - self.stamp) / DECAY_SECONDS
            part = passed if passed < 1 else 1.0
            self.slowness += (slowness - self.slowness) * part
        self.stamp = now

    def grow(self, now: float) -> bool:
        """Set the weight of now; whether it will be more later (slow start, as in Envoy)."""
        part = (now - self.back_at) / RETURN_SECONDS
        share = min(1.0, RETURN_SHARE + (1 - RETURN_SHARE) * part)
        self.weight = self.endpoint.weight * share
        return share < 1

    def transport(self, connect: Callable[[Endpoint], Transport]) -> Transport:
        """What carries calls there, made at the first of them."""
        if self._transport is None:
            self._transport = connect(self.endpoint)
        return self._transport

    async def close(self) -> None:
        """Let go of its connection."""
        transport, self._transport = self._transport, None
        if transport is None or self._is_closed:
            return
        self._is_closed = True
        try:
            await transport.close()
        except asyncio.CancelledError:
            raise
        except Exception:  # noqa: BLE001 - see below
            # The call that was the last one there has nothing to do with it.
            _log.exception("the connection to %s could not be closed", self.endpoint.address)

    def statistics(self, now: float) -> dict[str, Any]:
        """What is known of it."""
        endpoint, left = self.endpoint, max(0.0, self.out_until - now)
        return {
            "address": endpoint.address,
            "process": endpoint.process,
            "instance": endpoint.instance,
            "weight": endpoint.weight,
            "weight_now": round(self.weight, 1),
            "calls": self.calls,
            "failures": self.failures,
            "in_flight": self.in_flight,
            "slowness": round(self.slowness, 2),
            "left_out": self.why,
            "left_out_seconds": round(left, 3),
            "left_out_in_a_row": self.outs,
        }
