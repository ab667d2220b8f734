"""What a behaviour asks of a transport that not every transport has."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

F = TypeVar("F", bound=Callable[..., Any])

ABILITIES: Final = {
    "away": "the callee can be away: it stops, starts again, and is reached anew",
    "closing": "calls under way end when their transport is closed",
    "limit": "a message has a largest size",
    "revisions": "caller and callee may have different revisions of a contract",
    "types": "arguments and replies are held against their types",
    "streams": "methods may take and give streams",
}
"""What a transport may lack, if its author says why."""


def needs(ability: str) -> Callable[[F], F]:
    """Mark a behaviour that only a transport with this *ability* can have."""
    assert ability in ABILITIES, ability

    def mark(behaviour: F) -> F:
        behaviour.__needs__ = ability  # type: ignore[attr-defined]
        return behaviour

    return mark
