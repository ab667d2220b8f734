"""Methods that listen to events."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeVar, overload

from outgrow.contracts import (
    Event,
    EventReader,
    UnknownShape,
    event_names,
    evolution_findings,
    place_of,
    service_name,
)
from outgrow.errors import Finding, InvalidService
from outgrow.store import Transaction

S = TypeVar("S")
A = TypeVar("A", bound=Event)
B = TypeVar("B", bound=Event)
C = TypeVar("C", bound=Event)
D = TypeVar("D", bound=Event)
H = TypeVar("H", bound=Callable[..., Any])

Since = Literal["now", "beginning"]
Listening = Callable[[S, Transaction, A], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Handler:
    """
    A method of a service that listens.

    Attributes:
        method: The method's name in Python.
        events: What it listens to.
        since: Where it starts in the journals of its sources when it is new.
    """

    method: str
    events: tuple[type[Event], ...]
    since: Since

    def events_by_source(self) -> dict[str, dict[str, type[Event]]]:
        """The events by all their names on the wire, by the service that records them."""
        sources: dict[str, dict[str, type[Event]]] = {}
        for event in self.events:
            source = sources.setdefault(service_name(event.__module__), {})
            source |= dict.fromkeys(event_names(event), event)
        return sources

    def unreadable_events(self) -> list[Finding]:
        """Why events could not be read that a journal may hold."""
        findings = []
        for event in self.events:
            findings += evolution_findings(event)
            try:
                EventReader(event)
            except UnknownShape as error:
                findings.append(
                    Finding(
                        place=place_of(event),
                        message=f"{error}.",
                        remedy="",
                        slug="type-not-carried",
                    )
                )
        return findings


@overload
def on(
    event: type[A], /, *, since: Since = "now"
) -> Callable[[Listening[S, A]], Listening[S, A]]: ...
@overload
def on(
    event: type[A], second: type[B], /, *, since: Since = "now"
) -> Callable[[Listening[S, A | B]], Listening[S, A | B]]: ...
@overload
def on(
    event: type[A], second: type[B], third: type[C], /, *, since: Since = "now"
) -> Callable[[Listening[S, A | B | C]], Listening[S, A | B | C]]: ...
@overload
def on(
    event: type[A], second: type[B], third: type[C], fourth: type[D], /, *, since: Since = "now"
) -> Callable[[Listening[S, A | B | C | D]], Listening[S, A | B | C | D]]: ...
def on(*events: type[Event], since: Since = "now") -> Callable[[H], H]:
    """
    Let a method listen to events: ``async def give_back(self, tx, event)``.

    Each event runs the method in one transaction of its own service's store, together with the
    note that the event was handled: its effect happens once, however often the event arrives.
    Events with equal keys from one service arrive in the order in which they were recorded, also
    across the event classes that one method listens to. A method that raises is tried again, 8
    times in all with growing pauses; then the key is parked for this method alone, and the events
    of other keys flow on.

    Args:
        events: Up to four event classes, of any services.
        since: ``"now"``: a new method starts with what is recorded after its first start,
            by services that start with it in their ``open`` too.
            ``"beginning"``: it is given all that the journals hold.

    Raises:
        InvalidService: It is no ``async def`` that takes a transaction and an event.
    """

    def mark(method: H) -> H:
        InvalidService.raise_if_any(_findings(method, events, since))
        method.__outgrow_events__ = (events, since)  # type: ignore[attr-defined]
        return method

    return mark


def handlers_of(service: type) -> list[Handler]:
    """The methods of *service* that listen, in the order of their names."""
    handlers = []
    for name in sorted(dir(service)):
        marked = getattr(getattr(service, name, None), "__outgrow_events__", None)
        if marked is not None:
            events, since = marked
            handlers.append(Handler(method=name, events=events, since=since))
    return handlers


def _findings(method: Any, events: tuple[Any, ...], since: str) -> list[Finding]:
    place, name = place_of(method), method.__qualname__
    findings = []
    if not events or not all(isinstance(e, type) and issubclass(e, Event) for e in events):
        given = ", ".join(getattr(event, "__name__", repr(event)) for event in events) or "nothing"
        findings.append(
            Finding(
                place=place,
                message=f"{name} listens to {given}.",
                remedy="Write @on(OrderPlaced): a class of events that a contract defines.",
                slug="handler-without-event",
            )
        )
    parameters = list(inspect.signature(method).parameters.values())
    is_plain = all(p.kind is p.POSITIONAL_OR_KEYWORD for p in parameters)
    if not inspect.iscoroutinefunction(method) or len(parameters) != 3 or not is_plain:
        findings.append(
            Finding(
                place=place,
                message=f"{name} cannot be given a transaction and an event.",
                remedy=f"Write async def {method.__name__}(self, tx: Transaction, event: ...), "
                "without @transactional, which it is anyway.",
                slug="handler-signature",
            )
        )
    if since not in ("now", "beginning"):
        findings.append(
            Finding(
                place=place,
                message=f"{name} starts since {since!r}.",
                remedy='A new handler starts since="now" or since="beginning".',
                slug="handler-since",
            )
        )
    return findings
