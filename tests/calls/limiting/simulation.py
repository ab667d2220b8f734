"""
A process that is called, simulated: what comes, how long it queues, and what of it is in time.

Events in the order of their time, with random numbers from a seed: a minute passes in a second, and
always in the same way.
"""

import heapq
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from typing import Protocol

from outgrow.calls.limiting import Gate, Limiter
from outgrow.errors import CallTimedOut, Overloaded

REFUSING_SECONDS = 0.0002
"""What it takes to refuse a call that was in the queue for the processor."""


class Limiting(Protocol):
    """What the simulation asks of a limiter."""

    def enter(self, gate: Gate, waited: float, left: float, now: float) -> None: ...

    def leave(self, gate: Gate, waited: float, began: float, now: float) -> None: ...


class Boundless:
    """Refuses nothing but what is dead: a process without a limiter."""

    def enter(self, gate: Gate, waited: float, left: float, now: float) -> None:
        if left <= 0:
            raise CallTimedOut(gate.method, may_have_run=False)

    def leave(self, gate: Gate, waited: float, began: float, now: float) -> None: ...


@dataclass(slots=True)
class Outcome:
    """What became of the calls."""

    asked: int = 0
    refused: int = 0
    late: int = 0
    latencies: list[float] = field(default_factory=list)
    refused_at: list[float] = field(default_factory=list)

    def quantile(self, q: float) -> float:
        """A quantile of the latencies of the calls that were answered in time."""
        return sorted(self.latencies)[int(q * (len(self.latencies) - 1))]


class Simulation:
    """
    One process with a queue that it does not see, and calls that come at random moments.

    Args:
        servers: 0 for work that holds the processor, with the queue before Python sees the call;
            otherwise how many of what the methods wait for there are, with the queue inside.
        seconds: Says how long a call works, drawn anew for each.
        deadline: After how long its caller gives up.
    """

    def __init__(
        self,
        limiter: Limiting,
        *,
        servers: int,
        seconds: Callable[[random.Random], float],
        deadline: float = 1.0,
        seed: int = 7,
    ) -> None:
        self.now = 0.0
        self.limiter = limiter
        self._servers = servers
        self._seconds = seconds
        self._deadline = deadline
        self._random = random.Random(seed)
        self._gate = Gate("service.method")
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._order = count()
        self._queue: deque[Callable[[], None]] = deque()
        self._busy = 0
        self.outcome = Outcome()

    def run(self, seconds: float, *, per_second: float) -> Outcome:
        """Let *seconds* pass while so many calls come; what became of those that ended."""
        self.outcome = Outcome()
        end = self.now + seconds
        self._arrive_later(end, per_second)
        while self._events and self._events[0][0] < end:
            self.now, _, happen = heapq.heappop(self._events)
            happen()
        self.now = end
        return self.outcome

    def callers(self, number: int) -> None:
        """Begin with *number* callers, each of whom asks again as soon as it is answered."""
        for _ in range(number):
            self._arrive(self._again)

    def _again(self) -> None:
        self._at(0.0001, lambda: self._arrive(self._again))

    def _at(self, seconds: float, happen: Callable[[], None]) -> None:
        heapq.heappush(self._events, (self.now + seconds, next(self._order), happen))

    def _arrive_later(self, end: float, per_second: float) -> None:
        if not per_second:
            return

        def arrive() -> None:
            self._arrive(lambda: None)
            self._arrive_later(end, per_second)

        after = self._random.expovariate(per_second)
        if self.now + after < end:
            self._at(after, arrive)

    def _arrive(self, ended: Callable[[], None]) -> None:
        self.outcome.asked += 1
        came = self.now
        if self._servers:
            if self._is_let_in(came):
                began = self.now
                self._enqueue(lambda: self._work(came, began, ended))
            else:
                ended()
        else:
            self._enqueue(lambda: self._begin(came, ended))

    def _begin(self, came: float, ended: Callable[[], None]) -> None:
        """The processor has come to a call: it is let in or refused now."""
        if self._is_let_in(came):
            self._work(came, self.now, ended)
        else:
            ended()
            self._at(REFUSING_SECONDS, self._next)

    def _is_let_in(self, came: float) -> bool:
        waited = self.now - came
        try:
            self.limiter.enter(self._gate, waited, self._deadline - waited, self.now)
        except Overloaded:
            self.outcome.refused += 1
            self.outcome.refused_at.append(self.now)
            return False
        except CallTimedOut:
            self.outcome.late += 1
            return False
        return True

    def _work(self, came: float, began: float, ended: Callable[[], None]) -> None:
        left = came + self._deadline - self.now
        seconds = self._seconds(self._random)

        def end() -> None:
            self.limiter.leave(self._gate, began - came, began, self.now)
            if seconds <= left:
                self.outcome.latencies.append(self.now - came)
            else:
                self.outcome.late += 1
            self._next()
            ended()

        # What holds the processor cannot be cancelled; what waits is, at its deadline.
        self._at(seconds if not self._servers else min(seconds, max(left, 0.0)), end)

    def _enqueue(self, begin: Callable[[], None]) -> None:
        if self._busy < max(1, self._servers):
            self._busy += 1
            begin()
        else:
            self._queue.append(begin)

    def _next(self) -> None:
        if self._queue:
            self._queue.popleft()()
        else:
            self._busy -= 1


def adaptive() -> Limiter:
    """The limiter of outgrow."""
    return Limiter()
