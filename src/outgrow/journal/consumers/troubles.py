"""What is logged while a consumer cannot read."""

from __future__ import annotations

import logging
from typing import Final

from outgrow.clock import Clock
from outgrow.errors import StoreUnreachable

AWAY_SECONDS: Final = 10.0
"""How often a consumer says that a server is away, as long as it is."""

_log = logging.getLogger("outgrow.journal")


class Troubles:
    """
    Tells an operator why a consumer does not read.

    Each failure with its traceback; that a server is away in one line, and now and then, as all
    consumers of its stores meet it again each second.
    """

    def __init__(self, consumer: str, source: str, clock: Clock) -> None:
        self._consumer = consumer
        self._source = source
        self._clock = clock
        self._quiet_until: float | None = None

    def tell(self, error: Exception) -> None:
        """Reading was interrupted by *error*."""
        if not isinstance(error, StoreUnreachable):
            told = (self._consumer, self._source)
            _log.error("%s: reading %s was interrupted", *told, exc_info=error)
            return
        now = self._clock.monotonic()
        if self._quiet_until is None or now >= self._quiet_until:
            self._quiet_until = now + AWAY_SECONDS
            _log.warning("%s: reading %s waits. %s", self._consumer, self._source, error)

    def over(self) -> None:
        """It reads."""
        if self._quiet_until is not None:
            self._quiet_until = None
            _log.info("%s: reads %s again", self._consumer, self._source)
