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

PAUSE_SECONDS = 0.02
"""Up to so much more than they were told do callers wait that come again."""


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
        repeats: How many calls come again that were refused, once, as a part of all.
    """

    def __init__(
        self,
        limiter: Limiting,
        *,
        servers: int,
        seconds: Callable[[random.Random], float],
        deadline: float = 1.0,
        repeats: float = 0.0,
        seed: int = 7,
    ) -> None:
        self.now = 0.0
        self.limiter = limiter
        self._servers = servers
        self._seconds = seconds
        self._deadline = deadline
        self._repeats, self._paid = repeats, 0.0
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
        self._paid += self._repeats
        self._come(self.now, ended)

    def _come(self, asked: float, ended: Callable[[], None], *, again: bool = False) -> None:
        """Come to the process, with a call that its caller has waited for since *asked*."""
        came = self.now

        def refused(error: Overloaded) -> None:
            seconds = error.retry_after_seconds
            if again or self._paid < 1 or self.now + seconds >= asked + self._deadline:
                ended()
                return
            self._paid -= 1
            seconds += self._random.uniform(0, seconds + PAUSE_SECONDS)
            self._at(seconds, lambda: self._come(asked, ended, again=True))

        if self._servers:
            if self._is_let_in(came, asked, ended, refused):
                began = self.now
                self._enqueue(lambda: self._work(came, asked, began, ended))
        else:
            self._enqueue(lambda: self._begin(came, asked, ended, refused))

    def _begin(
        self,
        came: float,
        asked: float,
        ended: Callable[[], None],
        refused: Callable[[Overloaded], None],
    ) -> None:
        """The processor has come to a call: it is let in or refused now."""
        if self._is_let_in(came, asked, ended, refused):
            self._work(came, asked, self.now, ended)
        else:
            self._at(REFUSING_SECONDS, self._next)

    def _is_let_in(
        self,
        came: float,
        asked: float,
        ended: Callable[[], None],
        refused: Callable[[Overloaded], None],
    ) -> bool:
        left = asked + self._deadline - self.now
        try:
            self.limiter.enter(self._gate, self.now - came, left, self.now)
        except Overloaded as error:
            self.outcome.refused += 1
            self.outcome.refused_at.append(self.now)
            refused(error)
            return False
        except CallTimedOut:
            self.outcome.late += 1
            ended()
            return False
        return True

    def _work(self, came: float, asked: float, began: float, ended: Callable[[], None]) -> None:
        left = asked + self._deadline - self.now
        seconds = self._seconds(self._random)

        def end() -> None:
            self.limiter.leave(self._gate, began - came, began, self.now)
            if seconds <= left:
                self.outcome.latencies.append(self.now - asked)
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
