"""What each service of the chain notes of its executions."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter


class Noted:
    """How many executions go on, and how long those took that have ended."""

    def __init__(self) -> None:
        self.goes_on = 0
        self.seconds: list[float] = []

    @contextmanager
    def execution(self) -> Iterator[None]:
        """One execution."""
        began = perf_counter()
        self.goes_on += 1
        try:
            yield
        finally:
            self.goes_on -= 1
            self.seconds.append(perf_counter() - began)

    def told(self) -> list[float]:
        """How many go on, and then the seconds of all others."""
        return [self.goes_on, *self.seconds]
