"""How one keeps its promise."""

from collections import Counter

from outgrow import service, using
from ring.one.contract import One
from ring.outcomes import Outcome, outcome_of
from ring.three.contract import Three
from ring.two.contract import Two


@service
class OneService(One):
    """Answers, counts, and asks the others."""

    two: Two
    three: Three

    async def open(self) -> None:
        self.counts: Counter[int] = Counter()  # gone with the process

    async def ask(self, text: str) -> str:
        self.counts[-1] += 1
        return f"one {text}"

    async def add(self, number: int) -> int:
        self.counts[number] += 1
        return self.counts[number]

    async def ring(self, number: int) -> int:
        self.counts[number] += 1
        return self.counts[number]

    async def count(self, number: int) -> int:
        return self.counts[number]

    async def ask_two(self, text: str, seconds: float) -> Outcome:
        return await outcome_of(using(self.two, deadline=seconds).ask(text))

    async def ring_two(self, number: int, seconds: float) -> Outcome:
        return await outcome_of(using(self.two, deadline=seconds).ring(number))

    async def ask_three(self, text: str, seconds: float) -> Outcome:
        return await outcome_of(using(self.three, deadline=seconds).ask(text))

    async def ring_three(self, number: int, seconds: float) -> Outcome:
        return await outcome_of(using(self.three, deadline=seconds).ring(number))
