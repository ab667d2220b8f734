"""How many attempts may be made beyond the calls themselves."""

from __future__ import annotations

from typing import Final

from outgrow.clock import Clock

RETRY_SHARE: Final = 0.1
"""Attempts that are repeats, as a share of the calls to a service."""

RETRIES_PER_SECOND: Final = 3
"""Repeats that a second always has, so that who calls seldom may repeat at all."""

RETRY_WINDOW_SECONDS: Final = 10.0
"""How long what a call adds to the budget is there to be spent."""

RESERVE: Final = 100.0
"""What is lent at the start, for a replica that dies then; the first calls pay it back."""


class Budget:
    """
    Repeats of calls to one service, paid by the calls: at most a tenth of them, or a few a second.

    A service that fails because it has too much to do would get each call several times, and so
    even more (a retry storm). So each call adds a tenth of a repeat, which can be spent in the next
    seconds, and who finds nothing there does not repeat. As in Finagle's RetryBudget, and gRPC's
    throttling of retries (gRFC A6).

    Attributes:
        calls: How many were made; whoever makes one counts it here.
        spent: How many repeats were paid.
        refused: How many were not made because nothing was there.
    """

    __slots__ = (
        "_machine",
        "_owed",
        "_per_second",
        "_second",
        "_seen",
        "_share",
        "_spent_in_second",
        "_stamp",
        "_tokens",
        "calls",
        "refused",
        "spent",
    )

    def __init__(
        self,
        machine: Clock,
        *,
        share: float = RETRY_SHARE,
        per_second: int = RETRIES_PER_SECOND,
    ) -> None:
        """
        Begin with what is lent.

        Args:
            machine: The machine's time.
            share: Repeats that each call adds; 0 is none at all.
            per_second: How many repeats a second has in any case.
        """
        per_second = per_second if share else 0
        self.calls = 0
        self.spent = 0
        self.refused = 0
        self._machine = machine
        self._share = share
        self._per_second = per_second
        self._tokens = self._owed = RESERVE if share else 0.0
        self._stamp = self._second = machine.monotonic()
        self._seen = 0
        self._spent_in_second = 0

    def draw(self) -> bool:
        """Pay for one repeat; False if nothing is there to pay with."""
        self._renew(self._machine.monotonic())
        if self._tokens < 1 and self._spent_in_second >= self._per_second:
            self.refused += 1
            return False
        if self._tokens >= 1:
            self._tokens -= 1
        else:
            # What a second has in any case is owed by the calls to come, beside what they pay.
            self._owed = min(self._owed + 1, 2 * RESERVE)
        self._spent_in_second += 1
        self.spent += 1
        return True

    def _renew(self, now: float) -> None:
        """Add what was called, and forget what is old: both at the pace of the window."""
        passed = now - self._stamp
        kept = max(0.0, 1 - passed / RETRY_WINDOW_SECONDS)
        recent = (self.calls - self._seen) / max(1.0, passed / RETRY_WINDOW_SECONDS)
        earned = recent * self._share
        paid_back = min(self._owed, earned)
        self._owed -= paid_back
        self._tokens = self._tokens * kept + earned - paid_back
        self._stamp, self._seen = now, self.calls
        if now - self._second >= 1:
            self._second, self._spent_in_second = now, 0

    def statistics(self) -> dict[str, float]:
        """What was counted since the start, and what may be spent now."""
        self._renew(self._machine.monotonic())
        return {
            "calls": self.calls,
            "repeats": self.spent,
            "repeats_refused": self.refused,
            "repeats_left": round(self._tokens, 1),
            "repeats_share_max": self._share,
            "repeats_per_second": self._per_second,
        }
