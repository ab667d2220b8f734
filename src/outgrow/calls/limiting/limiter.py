"""
The adaptive limit of one process.

Nobody is refused until there is no doubt that more comes than can be done: a queue that has stood
for a whole look, takes more than `QUEUE_SECONDS_MIN` to work off, and makes calls take several
times as long as they do otherwise; or one in which all calls have lost most of their time before
they begin; and into which more calls come, so that it is not one crowd that is being served. If
twice as many begin as end, which callers that wait for replies cannot go on with, a shorter one is
enough: those that have begun until then are late, and nothing can be done about them.
Callers that each wait for their reply make no such queue, however many they are, once
their pace is what calls take otherwise. That a queue counts only if it never empties is from CoDel
(Nichols, Jacobson: Controlling Queue Delay, ACM Queue 10(5), 2012); Facebook uses it for requests
(Maurer: Fail at Scale, ACM Queue 13(8), 2015).

From then on the process takes on what it can do within twice the time that a call takes alone, and
`QUEUE_SECONDS`: throughput times that time, by Little's law. This is the limit of BBR (Cardwell and
others: BBR, ACM Queue 14(5), 2016): the bandwidth-delay product, with both factors measured, and
from time to time almost nothing is let in, so that the delay without a queue can be measured again.

What a call has waited before Python saw it (WeChat's signal: Zhou and others: Overload Control for
Scaling WeChat Microservices, SoCC 2018) counts as calls in flight, by Little's law again: those
before it in the queue. So one number holds what queues in gRPC, in the event loop, and inside of
methods.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from typing import NoReturn

from outgrow.calls.limiting.gate import Gate
from outgrow.errors import CallTimedOut, Overloaded

IN_FLIGHT_MAX = 1_000
"""How many calls from outside a process lets in at once, whatever it has learned."""

QUEUE_CALLS_MIN = 40
"""A queue of so many calls or fewer is no overload: callers that wait for replies make it."""

QUEUE_SECONDS_MIN = 0.25
"""Nor is one that is worked off in this time, however many calls are in it."""

SURGE_MIN = 2.0
"""How many times as many calls begin as end, for a shorter queue to be overload."""

SURGE_CALLS_MIN = 32
"""In place of `QUEUE_CALLS_MIN`, then."""

SURGE_PART = 2 / 3
"""And what part of `QUEUE_SECONDS_MIN`."""

QUEUE_SECONDS = 0.02
"""How long a call may queue, beside twice the time that it takes, once there is overload."""

STANDING_SECONDS = 0.05
"""How long a queue must have stood."""

SLOWED_MIN = 3.0
"""How many times as long as alone the calls in a queue take, at least."""

EATEN_MIN = 0.5
"""The part of its time that a call has lost before it begins, if all have: nobody is served."""

COMING_MIN, COMING_MAX = 0.1, 1.25
"""
How far apart calls have come that begin one after the other, as a part of the time between: less is
a crowd that came at once, and more is a queue that becomes shorter.
"""

LOOK_SECONDS = 0.05
LOOK_SECONDS_MAX = 5.0
LOOK_CALLS_MIN = 4
PROBE_SECONDS = 10.0
"""How long a baseline is believed while there is overload."""

PROBE_SECONDS_MAX = 2.0
PROBE_CALLS_MIN = 8
RATE_EACH_LOOK = 0.15
DOUBLING_SECONDS = 0.25
"""In which time without a refusal the limit doubles, until it is none."""

RETRY_SECONDS_MIN = 0.02
"""
There is room again with each call that ends. Who waits longer is as likely to be refused again
while there is overload, and late if not; how many come again is held by their callers' budgets.
"""

RETRY_SECONDS_MAX = 5.0


class Limiter:
    """
    Says of each call that comes to a process whether it is taken on. Lives as long as it.

    It has no timer: those that come and end let it look at what it has counted, each 0.05 s.

    Args:
        wake: Called when calls begin to be refused, or are all taken on again: with what to log.
    """

    def __init__(self, wake: Callable[[str], None] = lambda _: None) -> None:
        self.limit: float = IN_FLIGHT_MAX
        self.in_flight = 0
        self.refused = 0
        self.expired = 0
        self.is_limiting = False
        self._wake = wake
        self._refused_at = -math.inf
        self._came = self._came_before = -math.inf
        self._rate = 0.0
        self._baseline_seconds = 0.0
        self._touched: list[Gate] = []
        self._standing_since = math.inf
        self._probe_at = math.inf
        self._probing_since = math.inf
        self._counts_from, self._counts_until, self._probed = -math.inf, math.inf, 0
        self._begun: deque[float] = deque(maxlen=IN_FLIGHT_MAX)
        self._begin(-math.inf)

    def _begin(self, now: float) -> None:
        """Begin to count anew."""
        self._began = now
        self._look_at = now + LOOK_SECONDS
        self._came_before, self._in_flight_before = self._came, self.in_flight
        self._least_queue = self._least_eaten = math.inf
        for gate in self._touched:
            gate.forget()
        self._touched.clear()

    def enter(self, gate: Gate, waited: float, left: float, now: float) -> None:
        """
        Take a call on, or refuse it.

        Args:
            waited: How many seconds it has been in this process already.
            left: How many are left of its deadline.
            now: The time by the application's monotonic clock.

        Raises:
            Overloaded: It would come too late to be of use, or would make others late.
            CallTimedOut: Its deadline has passed, or will have before it can end.
        """
        if gate.concurrency is None:
            self._came = now - waited
        if left <= 0:
            self._expire(gate, now)
        if gate.concurrency is not None:
            if gate.in_flight >= gate.concurrency:
                self.refused += 1
                raise _full(gate)
            gate.in_flight += 1
            return
        queue = self.in_flight + waited * self._rate
        # Until there is overload, a wait may be a pause of the machine, and no queue at all.
        if queue >= self.limit and (self.is_limiting or self.in_flight >= self.limit):
            self._refuse(gate, queue, now)
        if self.is_limiting and left < gate.baseline_seconds / 2:
            self._expire(gate, now)
        found = self._found(waited, now) if waited else self.in_flight
        if found < self._least_queue:  # noqa: PLR1730 - min() takes four times as long
            self._least_queue = found
        self._begun.append(now)
        if (eaten := waited / (waited + left)) < self._least_eaten:
            self._least_eaten = eaten
        if self._counts_from <= now < self._counts_until:
            self._probed += 1
        self.in_flight += 1
        gate.in_flight += 1

    def _found(self, waited: float, now: float) -> int:
        """
        How many calls a call that begins now has had before or beside it at the same time.

        Counted, and not reckoned from a rate, which is uneven: whoever has begun while it waited
        was before it, so callers that wait for their replies are never more than they are.
        """
        begun, came = self._begun, now - waited
        while begun and begun[0] <= came:
            begun.popleft()
        return max(len(begun), self.in_flight)

    def leave(self, gate: Gate, waited: float, began: float, now: float) -> None:
        """Count a call that was taken on at *began*, and has ended."""
        gate.in_flight -= 1
        if gate.concurrency is not None:
            return
        self.in_flight -= 1
        if self._counts_from <= began <= self._counts_until:
            if not gate.ended:
                self._touched.append(gate)
            gate.ended += 1
            gate.seconds += now - began + waited
        if now >= self._look_at:
            self._look(now)

    def statistics(self) -> dict[str, float]:
        """The limit and what it holds now, and what was refused since the start."""
        return {
            "limit": round(self.limit, 1),
            "in_flight": self.in_flight,
            "is_limiting": self.is_limiting,
            "refused": self.refused,
            "expired": self.expired,
            "baseline_seconds": self._baseline_seconds,
            "calls_per_second": round(self._rate, 1),
        }

    def _refuse(self, gate: Gate, queue: float, now: float) -> NoReturn:
        self.refused += 1
        self._refused_at = now
        if now >= self._look_at:
            self._look(now)
        seconds = (queue - self.limit) / self._rate if self._rate else 1.0
        seconds = min(max(seconds, RETRY_SECONDS_MIN), RETRY_SECONDS_MAX)
        text = (
            f"{queue:.0f} calls are under way or wait before it, and {self.limit:.0f} can be "
            f"answered in time. Try again after {seconds:.1f} s."
        )
        raise Overloaded(gate.method, text, retry_after_seconds=round(seconds, 3))

    def _expire(self, gate: Gate, now: float) -> NoReturn:
        self.expired += 1
        if gate.concurrency is not None:
            raise CallTimedOut(gate.method, may_have_run=False)
        self._least_eaten = min(self._least_eaten, 1.0)
        if now >= self._look_at:
            self._look(now)
        raise CallTimedOut(gate.method, may_have_run=False)

    def _look(self, now: float) -> None:
        """See what was counted, and set the limit."""
        elapsed = now - self._began
        if self._probing_since <= now:
            self._look_at_probe(now)
            return
        if elapsed > LOOK_SECONDS_MAX:
            # So little has come that what was learned of an overload is over.
            if self.is_limiting:
                self._relax()
            self._standing_since = math.inf
            self._begin(now)
            return
        ended = sum(gate.ended for gate in self._touched)
        if ended < LOOK_CALLS_MIN and not self._is_eaten():
            self._look_at = now + LOOK_SECONDS
            return
        rate = ended / elapsed
        if self.is_limiting:
            self._rate += RATE_EACH_LOOK * (rate - self._rate)
            self._adjust(now)
        else:
            self._rate = rate
            for gate in self._touched:
                gate.learn(now)
            self._suspect(now)
        self._begin(now)

    def _is_eaten(self) -> bool:
        """Whether all that came since the last look had lost most of their time."""
        return EATEN_MIN < self._least_eaten < math.inf

    def _suspect(self, now: float) -> None:
        """Begin to limit if a queue has stood long enough."""
        taken = sum(gate.seconds for gate in self._touched)
        slowed = taken > SLOWED_MIN * self._measure()
        stands = self._enough() < self._least_queue < math.inf
        if not ((stands and slowed) or self._is_eaten()) or not self._is_fed(now):
            self._standing_since = math.inf
            return
        self._standing_since = min(self._standing_since, self._began)
        if now - self._standing_since >= STANDING_SECONDS:
            self.is_limiting, self._refused_at = True, now
            self._wake("more calls come than can be answered in time; the rest is refused")
            self._probe(now)

    def _enough(self) -> float:
        """How many calls are in a queue that is overload, if more than these are."""
        seconds = QUEUE_SECONDS_MIN * self._rate
        ended = sum(gate.ended for gate in self._touched)
        begun = ended + self.in_flight - self._in_flight_before
        # What waits before Python can still be refused then, and there is no such haste.
        if begun >= SURGE_MIN * ended and self.in_flight > SURGE_CALLS_MIN:
            return max(SURGE_CALLS_MIN, SURGE_PART * seconds)
        return max(QUEUE_CALLS_MIN, seconds)

    def _is_fed(self, now: float) -> bool:
        """Whether more calls come into the queue, and not only those that came all at once."""
        if self.in_flight < self._in_flight_before:
            return False
        apart = (self._came - self._came_before) / (now - self._began)
        return COMING_MIN <= apart <= COMING_MAX

    def _measure(self) -> float:
        """How long the calls that ended should have taken; sets the process's baseline."""
        expected = sum(gate.expected_seconds for gate in self._touched)
        if ended := sum(gate.ended for gate in self._touched):
            self._baseline_seconds = expected / ended
        return expected

    def _adjust(self, now: float) -> None:
        """The limit for the next look, while there is overload."""
        self._measure()
        self._limit_by_baseline()
        # More doublings than any limit needs are as good as all, and no number is too large.
        doublings = min((now - self._refused_at) / DOUBLING_SECONDS, math.log2(IN_FLIGHT_MAX))
        self.limit *= 2**doublings
        if self.limit >= IN_FLIGHT_MAX:
            self._relax()
        elif now >= self._probe_at:
            self._probe(now)

    def _limit_by_baseline(self) -> None:
        seconds = 2 * self._baseline_seconds + QUEUE_SECONDS
        self.limit = min(max(1.0, self._rate * seconds), IN_FLIGHT_MAX)

    def _relax(self) -> None:
        self.limit = IN_FLIGHT_MAX
        self.is_limiting = False
        self._standing_since = self._probe_at = math.inf
        self._wake("all calls can be answered in time again")

    def _probe(self, now: float) -> None:
        """
        Let almost nothing in, to measure how long calls take without a queue.

        All that come in within a moment are waited for: those that end first are the quickest.
        """
        self._probing_since = now
        self._counts_from = self._counts_until = math.inf
        self._probed = 0
        self.limit = max(1.0, self._rate * self._baseline_seconds / 2)

    def _look_at_probe(self, now: float) -> None:
        self._look_at = now + LOOK_SECONDS / 5
        has_time = now - self._probing_since < PROBE_SECONDS_MAX
        if self._counts_from == math.inf:
            if self.in_flight <= self.limit or not has_time:
                self._begin(now)
                self._counts_from = now
            return
        if self._probed >= PROBE_CALLS_MIN and now - self._counts_from >= 2 * LOOK_SECONDS:
            self._counts_until = min(self._counts_until, now)
        ended = sum(gate.ended for gate in self._touched)
        if has_time and (self._counts_until == math.inf or ended < self._probed):
            return
        for gate in self._touched:
            gate.learn_anew()
        self._measure()
        self._limit_by_baseline()
        self._probing_since, self._counts_from, self._counts_until = math.inf, -math.inf, math.inf
        self._probe_at = now + PROBE_SECONDS
        self._begin(now)


def _full(gate: Gate) -> Overloaded:
    text = (
        f"{gate.concurrency} of its calls are under way, which is what outgrow.toml allows. "
        "Try again later."
    )
    return Overloaded(gate.method, text)
