"""Who is let in: processes with a certificate, for services that declare the one they call."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

from outgrow.clock import SystemClock
from outgrow.errors import CallerNotDeclared
from outgrow.identity.callers import Callers, stranger
from outgrow.identity.certificates.identity import Identity

REFUSAL_LOG_SECONDS: Final = 60.0
"""How often one reason to refuse one process is logged, at most; in between it is counted."""

REFUSALS_KNOWN_MAX: Final = 1_000
"""How many such reasons are remembered; whoever invents more of them is logged less."""

LET_IN_MAX: Final = 10_000
"""How many pairs of a process and what it may call are remembered."""

VIA_CHARACTERS_SHOWN: Final = 100

_SCHEME: Final = b"spiffe://"

logger = logging.getLogger("outgrow.calls")


@dataclass(slots=True)
class _Refused:
    """One reason to refuse one process: how often it was met, and when it may be logged again."""

    count: int
    log_at: float


class Guard:
    """
    Lets calls in whose caller is known by its certificate, and declares what it calls.

    What was let in once costs one look into a dictionary.

    Args:
        identity: Who this process is.
        callers: Gives who may call whom, as it is known now; the same object until it changes.
        reread: Gives it anew; asked before somebody is refused.
    """

    def __init__(
        self,
        identity: Identity,
        callers: Callable[[], Callers],
        reread: Callable[[], Callers] | None = None,
    ) -> None:
        self.identity = identity
        self.refused = 0
        self._callers = callers
        self._reread = reread or callers
        self._policy = callers()
        self._let_in: set[tuple[tuple[bytes, ...], str, str]] = set()
        self._refused: dict[tuple[str, str], _Refused] = {}
        self._clock = SystemClock()

    def check(self, service: str, method: str, names: tuple[bytes, ...], via: str) -> None:
        """
        Return if a caller may run *method*.

        Args:
            service: The service that is called.
            method: ``service.method``.
            names: The URIs among the alternative names in the caller's certificate, which was
                verified. Of no other kind: many authorities let who asks choose the common name.
            via: The service that calls, as the caller says.

        Raises:
            CallerNotDeclared: It may not. Nothing ran.
        """
        policy = self._callers()
        if policy is not self._policy:
            self._take(policy)
        key = (names, service, via)
        if key in self._let_in:
            return
        peer = uri_of(names)
        own = self.identity.name
        reason = policy.refusal(service, own, peer, via)
        if reason is not None:
            policy = self._reread()
            self._take(policy)
            reason = policy.refusal(service, own, peer, via)
        if reason is not None:
            raise self._refuse(method, peer, via, reason)
        if len(self._let_in) >= LET_IN_MAX:
            self._let_in.clear()
        self._let_in.add(key)

    def check_process(self, method: str, names: tuple[bytes, ...]) -> None:
        """
        Return if a caller is any process of this application and environment.

        Raises:
            CallerNotDeclared: It is none.
        """
        peer = uri_of(names)
        reason = stranger(self.identity.name, peer)
        if reason is not None:
            raise self._refuse(method, peer, "", reason)

    def statistics(self) -> dict[str, Any]:
        """Who this process is, until when that is proven, and how many calls were refused."""
        return {**self.identity.statistics(), "refused": self.refused}

    def _take(self, policy: Callers) -> None:
        self._policy = policy
        self._let_in.clear()

    def _refuse(self, method: str, peer: str, via: str, reason: str) -> CallerNotDeclared:
        self.refused += 1
        via = via[:VIA_CHARACTERS_SHOWN]
        self._log(method, peer or "nobody", reason)
        return CallerNotDeclared(method, peer, via, reason)

    def _log(self, method: str, peer: str, reason: str) -> None:
        now = self._clock.monotonic()
        known = self._refused.get((peer, reason))
        if known is None:
            if len(self._refused) >= REFUSALS_KNOWN_MAX:
                self._forget(now)
            if len(self._refused) >= REFUSALS_KNOWN_MAX:
                return
            known = self._refused[peer, reason] = _Refused(0, now)
        known.count += 1
        if now < known.log_at:
            return
        more = f" ({known.count} times since this was said)" if known.count > 1 else ""
        logger.warning("%s was refused to %s: %s%s", method, peer, reason, more)
        known.count, known.log_at = 0, now + REFUSAL_LOG_SECONDS

    def _forget(self, now: float) -> None:
        for key in [key for key, known in self._refused.items() if known.log_at <= now]:
            del self._refused[key]


def uri_of(names: Iterable[bytes]) -> str:
    """The one SPIFFE URI among the URIs of a certificate; empty if there is none, or several."""
    uris = [name for name in names if name.startswith(_SCHEME)]
    return uris[0].decode("ascii", "replace") if len(uris) == 1 else ""
