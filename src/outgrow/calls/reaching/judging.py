"""Which endpoints are left out for a while, and which calls are taken away from them."""

from __future__ import annotations

import logging
import math
from collections.abc import Collection
from dataclasses import dataclass, field
from functools import partial
from statistics import median_low
from typing import Any, Final

from outgrow.calls.reaching.budgets import Budget
from outgrow.calls.reaching.choosing import Choice
from outgrow.calls.reaching.paths import Path
from outgrow.calls.reaching.peers import Peer
from outgrow.clock import Clock
from outgrow.contracts import Method

LOOK_SECONDS: Final = 0.05
"""How often calls that wait are looked at; one timer for all calls to a service."""

LATE_SECONDS_MAX: Final = 0.05
"""Who looks later than this was busy itself, and judges nobody for not having been heard."""

STRIKES_MAX: Final = 3
"""Calls in a row that fail or are far too slow, after which an endpoint is left out."""

SLOW: Final = 5.0
"""How many times longer than usual is far too slow,"""

SLOW_SECONDS_MIN: Final = 0.02
"""if it is longer by this."""

WORSE: Final = 4.0
"""How many times slower than the others an endpoint is that is left out."""

OUT_SECONDS: Final = 1.0
"""How long an endpoint is left out the first time; each further time in a row is twice as long."""

OUT_SECONDS_MAX: Final = 30.0
"""The longest such time."""

AWAY_SECONDS: Final = 0.25
"""The same for one that takes no calls, which costs nothing to ask."""

AWAY_SECONDS_MAX: Final = 2.0
"""The longest such time."""

OUT_SHARE_MAX: Final = 0.5
"""The part of the endpoints that may be left out on suspicion."""

UNSAFE_PROBE_SECONDS: Final = 5.0
"""How long only calls that may be made elsewhere try an endpoint that was left out."""

STREAM_PROBE_SECONDS: Final = 2.0
"""How long a stream tries an endpoint alone: its first item may come in an hour."""

PROBE_SECONDS_MIN: Final = 1.0
"""What must be left of the deadline of such a call."""

FORGET_SECONDS: Final = 60.0
"""How long an endpoint has to be good until the times before are forgotten."""

AWAY: Final = "takes no calls"
SLOWER: Final = "is slower than the others"
FAILING: Final = "fails"
SILENT: Final = "does not answer"

_log = logging.getLogger("outgrow.calls")


@dataclass(slots=True)
class _Seen:
    """What a look has seen of one endpoint."""

    overdue: list[tuple[Path, Any]] = field(default_factory=list)
    is_silent: bool = False


class Judge:
    """
    Leaves out endpoints of one service that are far worse than the others, and lets them back.

    Like the outlier detection of Envoy and gRPC (gRFC A50), per caller and endpoint, which is what
    a circuit breaker is. An endpoint is left out if three calls in a row failed or were far too
    slow, or if one waits that should have ended long ago and nothing at all is heard from there;
    and only if it is far worse than the others: if all are bad, none is left out for it, and never
    more than half. After its time, one call tries it; if that is good, it comes back and grows to
    its weight. An endpoint that says itself that it takes no calls, or where nobody listens, is
    left out at once and asked again soon.

    Calls count while they wait: what waits longer than usual is slow already. Everything here
    happens when a call ends badly, and in a look at all that wait, every 50 ms while something
    waits.

    Attributes:
        peers: All endpoints with a weight.
        leaving: Those that the directory names no more, and where calls are under way.
        due: When the next endpoint that is left out may be tried.
    """

    def __init__(
        self, service: str, machine: Clock, budget: Budget, choice: Choice, *, ejects: bool
    ) -> None:
        self.peers: list[Peer] = []
        self.leaving: list[Peer] = []
        self.paths: list[Path] = []
        self.due = math.inf
        self.is_looking = False
        self.moved = self.left_out = self.returned = 0
        self._service = service
        self._machine = machine
        self._ejects = ejects
        self._budget = budget
        self._choice = choice
        self._look_at = 0.0
        self._is_growing = False

    def arrange(self, now: float) -> None:
        """Choose among those that are not left out; among all, if none remains."""
        growing = [peer.grow(now) for peer in self.peers]
        self._is_growing = any(growing)
        self._choice.among([p for p in self.peers if not p.out_until] or self.peers)
        out = [p.out_until for p in self.peers if p.out_until and not p.is_probed]
        self.due = min(out, default=math.inf)

    def probe(self, method: Method, left_seconds: float) -> Peer | None:
        """
        The endpoint that a call of *method* is to try, if the time of one is over.

        One that could not be made elsewhere if nobody answers is not sent, unless no other comes.
        """
        now = self._machine.monotonic()
        if now < self.due:
            return None
        is_stuck = method.repeat == "unsafe" or method.is_streaming
        is_last_choice = is_stuck or left_seconds < PROBE_SECONDS_MIN
        wait_seconds = UNSAFE_PROBE_SECONDS if is_last_choice else 0
        for peer in self.peers:
            if peer.out_until and not peer.is_probed and peer.out_until + wait_seconds <= now:
                peer.is_probed = True
                peer.probes += 1
                if method.is_streaming:
                    see = partial(self._see_stream, peer, peer.probes)
                    self._machine.call_at(now + STREAM_PROBE_SECONDS, see)
                self.arrange(now)
                return peer
        return None

    def _see_stream(self, peer: Peer, probe: int) -> None:
        """
        A stream that tries the endpoint may wait for its first item still.

        That it could begin is all that was to be found out of one that took no calls: making a
        connection fails sooner. Otherwise it tells nothing yet, and another call may try.
        """
        if not peer.is_probed or peer.probes != probe or peer.is_leaving:
            return
        now = self._machine.monotonic()
        if peer.why == AWAY:
            self.good(peer, 1.0, now)
        else:
            self.unknown(peer, now)

    def good(self, peer: Peer, slowness: float, now: float) -> None:
        """An endpoint that is left out has answered: it comes back, if it is like the others."""
        if slowness >= SLOW and slowness >= WORSE * self._others(peer):
            self._leave_out(peer, SLOWER, now)
            return
        _log.info("%s at %s is back", self._service, peer.endpoint.address)
        if peer.why == AWAY:
            peer.outs = 0  # It was not there, which is no reason to be wary of it.
        peer.out_until, peer.why, peer.back_at, peer.is_probed = 0.0, "", now, False
        peer.slowness, peer.strikes = slowness, 0
        self.returned += 1
        self.arrange(now)

    def unknown(self, peer: Peer, now: float) -> None:
        """A call that may have tried the endpoint has found nothing out: another one may."""
        if peer.is_probed:
            peer.is_probed = False
            self.arrange(now)

    def later(self, peer: Peer, now: float) -> None:
        """It answers, that it has too much to do: the next call tries it after a moment."""
        if peer.is_probed:
            peer.is_probed, peer.out_until = False, now + AWAY_SECONDS
            self.arrange(now)

    def strike(self, peer: Peer, why: str, now: float) -> None:
        """A call has failed there, or was far too slow."""
        peer.strikes += 1
        if peer.out_until:
            if peer.is_probed:
                self._leave_out(peer, why, now)
        elif peer.strikes >= STRIKES_MAX:
            if why == FAILING:
                peer.slowness = max(peer.slowness, 2 * SLOW)
                peer.stamp = now
            self._judge(peer, why, now)

    def away(self, peer: Peer, now: float) -> None:
        """It takes no calls: it says that it stops, or nobody listens there."""
        if len(self.peers) > 1 and (not peer.out_until or peer.is_probed):
            self._leave_out(peer, AWAY, now)

    def _judge(self, peer: Peer, why: str, now: float) -> None:
        out = sum(1 for p in self.peers if p.out_until and p.why != AWAY)
        if not self._ejects or out + 1 > len(self.peers) * OUT_SHARE_MAX:
            return
        if peer.slowness >= WORSE * self._others(peer):
            self._leave_out(peer, why, now)

    def _others(self, peer: Peer) -> float:
        """How slow the others are; endless if there are none."""
        others = [p.slowness for p in self.peers if p is not peer and not p.out_until]
        return median_low(others) if others else math.inf

    def _leave_out(self, peer: Peer, why: str, now: float) -> None:
        if not peer.out_until and now - peer.back_at > FORGET_SECONDS:
            peer.outs = 0
        first, most = (AWAY_SECONDS, AWAY_SECONDS_MAX)
        if why != AWAY:
            first, most = (OUT_SECONDS, OUT_SECONDS_MAX)
        seconds = min(first * 2 ** min(peer.outs, 10), most)
        log = _log.debug if peer.out_until or why == AWAY else _log.warning
        told = (self._service, peer.endpoint.address, why, seconds)
        log("%s at %s is left out (%s): no calls go there for %.2f s", *told)
        peer.outs += 1
        peer.out_since, peer.out_until, peer.why = now, now + seconds, why
        peer.is_probed, peer.strikes = False, 0
        self.left_out += 1
        self.arrange(now)

    def look_later(self, now: float) -> None:
        """Look at what waits in a moment."""
        self.is_looking = True
        self._look_at = now + LOOK_SECONDS
        self._machine.call_at(self._look_at, self._look)

    def _look(self) -> None:
        self.is_looking = False
        now = self._machine.monotonic()
        if now - self._look_at <= LATE_SECONDS_MAX:
            self._judge_waiting(now)
        if self._is_growing:
            self.arrange(now)
        if any(path.waiting for path in self.paths):
            self.look_later(now)

    def _judge_waiting(self, now: float) -> None:
        """What waits counts as if it ended now; where nothing is heard, it waits no more."""
        seen: dict[Peer, _Seen] = {}
        for path in self.paths:
            if path.waiting:
                _age(path, now, seen.setdefault(path.peer, _Seen()))
        for peer in self.peers:
            one = seen.get(peer)
            if one is None:
                if not peer.in_flight:
                    peer.take(1.0, now)
            elif one.is_silent or len(one.overdue) >= STRIKES_MAX:
                self._judge_overdue(peer, now)
        silent = {peer for peer, one in seen.items() if one.is_silent}
        for peer, one in seen.items():
            if one.overdue and (one.is_silent or peer.out_until or peer.is_leaving):
                self._move(one.overdue, peer, silent, now)

    def _judge_overdue(self, peer: Peer, now: float) -> None:
        if not peer.out_until:
            self._judge(peer, SILENT, now)
        elif peer.is_probed:
            self._leave_out(peer, SILENT, now)

    def _move(
        self, overdue: list[tuple[Path, Any]], peer: Peer, silent: Collection[Peer], now: float
    ) -> None:
        """Let calls that may be repeated try another endpoint, if one is heard of."""
        if all(p is peer or p in silent for p in self._choice.peers):
            return
        for path, task in overdue:
            if not path.may_move(task):
                continue
            if not self._budget.draw():
                return
            self.moved += 1
            path.move(task, now)


def _age(path: Path, now: float, seen: _Seen) -> None:
    """Take what waits on *path* for as slow as it is already."""
    peer, durations = path.peer, path.durations
    overdue_seconds = durations.overdue(now)
    for task, started in path.waiting.items():
        age = now - started
        slowness = durations.slowness(age)
        if slowness > peer.slowness:
            peer.slowness, peer.stamp = slowness, now
        if age > overdue_seconds:
            seen.overdue.append((path, task))
            seen.is_silent |= peer.heard_at <= started
