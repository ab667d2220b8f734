"""What is told about one change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Answer = Literal["safe", "breaks", "unaffected"]
Order = Literal["any order", "provider first", "consumers first", "none: do it in two steps"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """
    The answer to one question about a change.

    Attributes:
        answer: ``unaffected`` if there is nothing that could notice the change.
        what: What breaks, and for whom. If nothing does, what is still good to know; mostly empty.
    """

    answer: Answer
    what: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """
    One change of what a service promises.

    Attributes:
        label: The kind of change, such as ``field-removed``.
        place: ``file:line`` in the new description, or in the old one of what is gone.
        message: What changed.
        consumers: Whether running consumers of the old contract break with a new provider: callers,
            HTTP clients, and handlers of its events.
        providers: Whether a running provider of the old contract breaks new consumers.
        stored: Whether what is stored is not understood any more: events in journals, remembered
            replies, commands that wait to be delivered.
        remedy: The safe way to do it; empty if nothing breaks.
        order: In which order the two sides may be deployed.
    """

    label: str
    place: str
    message: str
    consumers: Verdict
    providers: Verdict
    stored: Verdict
    remedy: str = ""
    order: Order = "any order"

    @property
    def breaks(self) -> bool:
        """
        Whether something that runs or is stored breaks once the provider is deployed.

        A new consumer that an old provider cannot serve is none of these: it only has to wait until
        its provider is deployed, which `order` says.
        """
        return "breaks" in (self.consumers.answer, self.stored.answer)


def order_of(consumers: Verdict, providers: Verdict, stored: Verdict) -> Order:
    """
    In which order the two sides may be deployed, if their verdicts are these.

    If nothing breaks but one side would speak to deaf ears, the other one comes first.
    """
    breaks = {name for name, v in (("c", consumers), ("p", providers)) if v.answer == "breaks"}
    if stored.answer == "breaks" or len(breaks) == 2:
        return "none: do it in two steps"
    if breaks == {"c"} or (not breaks and consumers.what and not providers.what):
        return "consumers first"
    if breaks == {"p"} or (not breaks and providers.what and not consumers.what):
        return "provider first"
    return "any order"


def told(
    label: str,
    place: str,
    message: str,
    *,
    consumers: str | Verdict = "",
    providers: str | Verdict = "",
    stored: str | Verdict | None = None,
    remedy: str = "",
) -> Change:
    """
    A change with its verdicts.

    Args:
        consumers: What breaks for them; empty if nothing does. The next two likewise.
        stored: None if the change has nothing to do with what is stored.
        remedy: The safe way to do it; left out if nothing breaks.
    """
    answers = _verdict(consumers), _verdict(providers), _verdict(stored)
    is_bad = any(verdict.answer == "breaks" for verdict in answers)
    return Change(
        label=label,
        place=place,
        message=message,
        consumers=answers[0],
        providers=answers[1],
        stored=answers[2],
        remedy=remedy if is_bad else "",
        order=order_of(*answers),
    )


def _verdict(said: str | Verdict | None) -> Verdict:
    if isinstance(said, Verdict):
        return said
    if said is None:
        return Verdict(answer="unaffected")
    return Verdict(answer="breaks" if said else "safe", what=said)
