"""What is told about one change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Answer = Literal["safe", "breaks", "unaffected"]
Order = Literal[
    "any order", "provider first", "consumers first", "none: do it in two steps", "not apart"
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """
    The answer to one question about a change.

    Attributes:
        answer: ``unaffected`` if nobody of whom is asked can notice the change.
        what: What breaks, and for whom; empty if nothing does.
    """

    answer: Answer = "unaffected"
    what: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """
    One change of a service's contract.

    Attributes:
        slug: The kind of change, such as ``field-removed``.
        place: ``file:line`` in the new description, or in the old one of what is gone.
        message: What changed.
        consumers: Whether consumers of the old contract break with a provider of the new one:
            callers, HTTP clients, and handlers of its events.
        providers: Whether a provider of the old contract breaks consumers of the new one.
        stored: Whether what is stored becomes unreadable: events in journals, remembered replies,
            commands that wait to be delivered.
        remedy: The safe way to do it, if something breaks.
        order: In which order the two sides may be deployed.
    """

    slug: str
    place: str
    message: str
    consumers: Verdict
    providers: Verdict
    stored: Verdict
    remedy: str = ""
    order: str = "any order"

    @property
    def breaks(self) -> bool:
        """Whether one of the three questions is answered with yes."""
        return "breaks" in (self.consumers.answer, self.providers.answer, self.stored.answer)
