"""Methods that listen to events."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from types import CoroutineType
from typing import Any, Final, Literal, Protocol, TypeVar, overload

from outgrow.contracts import (
    Event,
    EventReader,
    UnknownShape,
    event_names,
    event_type,
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
Handle = Callable[[Transaction, Any], Awaitable[None]]
"""Handles an event inside of a transaction."""

WAITING_SAGAS: Final = "waiting-sagas"
"""The handler of a service for what its sagas wait for; no method has such a name."""


class Listens(Protocol[A]):
    """What `on` returns: it marks a method that is handed a transaction, or one that is a saga."""

    @overload
    def __call__(
        self, method: Callable[[S, Transaction, A], Awaitable[None]], /
    ) -> Callable[[S, Transaction, A], Awaitable[None]]: ...
    @overload
    def __call__(
        self, method: Callable[[S, A], CoroutineType[Any, Any, None]], /
    ) -> Callable[[S, A], CoroutineType[Any, Any, None]]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Handler:
    """
    A method of a service that listens.

    Attributes:
        method: The method's name in Python, or `WAITING_SAGAS`.
        events: What it listens to.
        since: Where it starts in the journals of its sources when it is new.
        receive: What is called in the method's stead, with the service first, if anything is.
        methods: The methods for which it listens: its own, or those of the sagas that wait.
    """

    method: str
    events: tuple[type[Event], ...]
    since: Since
    receive: Callable[[Any, Transaction, Any], Awaitable[None]] | None
    methods: tuple[str, ...]

    def bind(self, service: Any) -> Handle:
        """What handles an event in *service*, an object of the class."""
        if self.receive is None:
            return getattr(service, self.method)  # type: ignore[no-any-return]
        return partial(self.receive, service)

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
def on(event: type[A], /, *, since: Since = "now") -> Listens[A]: ...
@overload
def on(event: type[A], second: type[B], /, *, since: Since = "now") -> Listens[A | B]: ...
@overload
def on(
    event: type[A], second: type[B], third: type[C], /, *, since: Since = "now"
) -> Listens[A | B | C]: ...
@overload
def on(
    event: type[A], second: type[B], third: type[C], fourth: type[D], /, *, since: Since = "now"
) -> Listens[A | B | C | D]: ...
def on(*events: type[Event], since: Since = "now") -> Callable[[H], H]:
    """
    Let a method listen to events: ``async def give_back(self, tx, event)``.

    Each event runs the method in one transaction of its own service's store, together with the
    note that the event was handled: its effect happens once, however often the event arrives.
    Events with equal keys from one service arrive in the order in which they were recorded, also
    across the event classes that one method listens to. A method that raises is tried again, 8
    times in all with growing pauses; then the key is parked for this method alone, and the events
    of other keys flow on.

    Above `saga` it lets events begin sagas, ``async def settle(self, run: Saga, event)``: the
    transaction writes down that one begins, and nothing else.

    Args:
        events: Up to four event classes, of any services.
        since: ``"now"``: a new method starts with what is recorded after its first start,
            by services that start with it in their ``open`` too.
            ``"beginning"``: it is given all that the journals hold.

    Raises:
        InvalidService: It is no ``async def`` that takes a transaction and an event, and no saga
            that takes an event.
    """

    def mark(method: H) -> H:
        InvalidService.raise_if_any(_findings(method, events, since))
        method.__outgrow_events__ = (events, since)  # type: ignore[attr-defined]
        return method

    return mark


def handlers_of(service: type) -> list[Handler]:
    """The methods of *service* that listen, by their names, and at the end its sagas that wait."""
    handlers = []
    waiting: dict[str, frozenset[type[Event]]] = {}
    hear = None
    for name in sorted(dir(service)):
        method = getattr(service, name, None)
        marked = getattr(method, "__outgrow_events__", None)
        if marked is not None:
            events, since = marked
            receive = getattr(method, "__outgrow_begin__", None)
            handlers.append(
                Handler(method=name, events=events, since=since, receive=receive, methods=(name,))
            )
        awaited = getattr(method, "__outgrow_awaited__", _nothing)(service)
        if awaited:
            waiting[name], hear = awaited, getattr(method, "__outgrow_hear__", None)
    if waiting:
        together: frozenset[type[Event]] = frozenset().union(*waiting.values())
        handlers.append(
            Handler(
                method=WAITING_SAGAS,
                events=tuple(sorted(together, key=event_type)),
                since="now",
                receive=hear,
                methods=tuple(waiting),
            )
        )
    return handlers


def _nothing(_: type) -> frozenset[type[Event]]:
    return frozenset()


def _findings(method: Any, events: tuple[Any, ...], since: str) -> list[Finding]:
    place, name = place_of(inspect.unwrap(method)), method.__qualname__
    findings = []
    if not events or not all(isinstance(e, type) and issubclass(e, Event) for e in events):
        shown = ", ".join(getattr(event, "__name__", repr(event)) for event in events) or "nothing"
        findings.append(
            Finding(
                place=place,
                message=f"{name} listens to {shown}.",
                remedy="Write @on(OrderPlaced): a class of events that a contract defines.",
                slug="handler-without-event",
            )
        )
    parameters = list(inspect.signature(method).parameters.values())
    is_plain = all(p.kind is p.POSITIONAL_OR_KEYWORD for p in parameters)
    is_saga = hasattr(method, "__outgrow_begin__")
    given, expected = "a transaction and an event", 3
    remedy = "tx: Transaction, event: ...), without @transactional, which it is anyway."
    if is_saga:
        given, expected, remedy = "a run and an event", 2, "run: Saga, event: ...)."
    if not inspect.iscoroutinefunction(method) or len(parameters) != expected or not is_plain:
        findings.append(
            Finding(
                place=place,
                message=f"{name} cannot be given {given}.",
                remedy=f"Write async def {method.__name__}(self, {remedy}",
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
