"""Events: records that are told to whoever listens, and kept for years."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, dataclass_transform

from outgrow.contracts.places import (
    caller_place,
    contract_modules,
    place_of,
    service_name,
    service_package,
)
from outgrow.contracts.records import Record
from outgrow.errors import Finding, InvalidContract

Upcaster = Callable[[dict[str, Any]], dict[str, Any]]
"""Makes the JSON object of one schema from that of the schema before."""

if TYPE_CHECKING:

    @dataclass_transform(frozen_default=True, kw_only_default=True)
    class Event(Record):
        """
        Something that happened, told to whoever listens.

        An event belongs to the service whose contract defines it. Events with equal keys arrive in
        the order in which they were recorded; ``key=None`` says that order does not matter.

        A journal keeps an event as it was written. If its fields change so that what is kept does
        not fit any more, ``schema`` grows by one, and an `upcast` function makes the new form of
        the old. If its class gets another name, ``aliases`` names the former ones.
        """

        def __init_subclass__(
            cls,
            *,
            key: str | None,
            schema: int = 1,
            aliases: Sequence[str] = (),
            tag: str | None = None,
        ) -> None: ...

else:
    _MISSING = object()

    class _EventMeta(type(Record)):
        """Keeps what the class line of an event says, and refuses what cannot be meant."""

        def __new__(
            mcls,
            name: str,
            bases: tuple[type, ...],
            namespace: dict[str, Any],
            *,
            key: Any = _MISSING,
            schema: Any = 1,
            aliases: Any = (),
            **options: Any,
        ) -> Any:
            cls = super().__new__(mcls, name, bases, namespace, **options)
            if bases != (Record,):
                findings = [
                    *_key_findings(cls, key),
                    *_schema_findings(cls, schema),
                    *_alias_findings(cls, aliases),
                ]
                InvalidContract.raise_if_any(findings)
                cls.__outgrow_key__ = key
                cls.__outgrow_schema__ = schema
                cls.__outgrow_aliases__ = tuple(aliases)
                cls.__outgrow_upcasters__ = {}
            return cls

    def _key_findings(cls: Any, key: Any) -> list[Finding]:
        place = caller_place(2)
        names = cls.__struct_fields__
        if key is _MISSING:
            return [
                Finding(
                    place=place,
                    message=f"event {cls.__name__} does not say what keeps its order.",
                    remedy=f'Write class {cls.__name__}(Event, key="field"), or key=None if order '
                    "does not matter.",
                    slug="event-without-key",
                )
            ]
        if key is not None and key not in names:
            return [
                Finding(
                    place=place,
                    message=f"event {cls.__name__} is ordered by {key!r}, which is no field of it.",
                    remedy=f"Its fields: {', '.join(names) or 'none'}.",
                    slug="event-key-unknown",
                )
            ]
        return []

    def _schema_findings(cls: Any, schema: Any) -> list[Finding]:
        if type(schema) is int and schema >= 1:
            return []
        return [
            Finding(
                place=caller_place(2),
                message=f"event {cls.__name__} has the schema {schema!r}.",
                remedy="A schema is a whole number: 1 at first, and one more with each change of "
                "the fields that needs an upcaster.",
                slug="event-schema",
            )
        ]

    def _alias_findings(cls: Any, aliases: Any) -> list[Finding]:
        name = cls.__name__
        if isinstance(aliases, str) or not isinstance(aliases, Sequence):
            wrong = [f"aliases={aliases!r} of event {name} is no list."]
        else:
            wrong = [
                f"event {name} was formerly {alias!r}, which is no name of a class."
                for alias in aliases
                if not isinstance(alias, str) or not alias.isidentifier()
            ]
            wrong += [f"event {name} was formerly {name!r} too." for a in aliases if a == name]
            wrong += [
                f"event {name} was formerly {alias!r}, twice."
                for alias in sorted({a for a in aliases if isinstance(a, str)})
                if aliases.count(alias) > 1
            ]
        remedy = f'Write class {name}(Event, ..., aliases=["FormerName"]): the names that the '
        remedy += "class had before, without its service."
        place = caller_place(2)
        return [
            Finding(place=place, message=message, remedy=remedy, slug="event-alias")
            for message in wrong
        ]

    class Event(Record, metaclass=_EventMeta):
        """Something that happened, told to whoever listens."""


def public_events(package: str) -> list[type[Event]]:
    """
    The events of the service *package* that leave it: those that its contract module names.

    The module defines them, or imports them from inside of its own service. A service that is one
    module is its own contract module. Nothing is imported here, so a contract that nobody has
    imported yet has no events.

    Args:
        package: The dotted name of the service's package or module.
    """
    modules = contract_modules(package)
    things: list[Any] = [thing for module in modules for thing in list(vars(module).values())]
    events = [
        thing
        for thing in things
        if isinstance(thing, type) and issubclass(thing, Event) and thing is not Event
        if service_package(thing.__module__) == package
    ]
    return list(dict.fromkeys(events))


def event_type(event: type[Event]) -> str:
    """The event's name on the wire: ``service.Class``."""
    return f"{service_name(event.__module__)}.{event.__name__}"


def event_names(event: type[Event]) -> tuple[str, ...]:
    """All names on the wire under which journals hold the event: that of today, and its former."""
    service = service_name(event.__module__)
    aliases: tuple[str, ...] = event.__outgrow_aliases__  # type: ignore[attr-defined]
    return event_type(event), *(f"{service}.{alias}" for alias in aliases)


def event_key(event: Event) -> str | None:
    """The value that keeps *event* in order with others, as text; None if order does not matter."""
    name = type(event).__outgrow_key__  # type: ignore[attr-defined]
    return None if name is None else str(getattr(event, name))


def event_schema(event: type[Event]) -> int:
    """The number of the form in which the event is recorded today."""
    return event.__outgrow_schema__  # type: ignore[attr-defined,no-any-return]


def event_upcasters(event: type[Event]) -> Mapping[int, Upcaster]:
    """What makes the next form of each older one, by the number of the older."""
    return event.__outgrow_upcasters__  # type: ignore[attr-defined,no-any-return]


def evolution_findings(event: type[Event]) -> list[Finding]:
    """What is wrong with the past that *event* claims, once its service's modules are loaded."""
    return [*_gaps(event), *_aliases_taken(event)]


def _gaps(event: type[Event]) -> Iterator[Finding]:
    """The first few older schemas that nothing makes newer."""
    name, upcasters = event.__name__, event_upcasters(event)
    missing = (schema for schema in range(1, event_schema(event)) if schema not in upcasters)
    for schema in itertools.islice(missing, 10):
        yield Finding(
            place=place_of(event),
            message=f"event {name} has schema {event_schema(event)}, and nothing makes schema "
            f"{schema + 1} of {schema}: events of schema {schema} that a journal holds could not "
            "be read.",
            remedy=f"Write @upcast({name}, schema={schema}) in {event.__module__}, on "
            "def _(old: dict[str, Any]) -> dict[str, Any].",
            slug="event-upcast-missing",
        )


def _aliases_taken(event: type[Event]) -> Iterator[Finding]:
    """Former names of *event* that another event of its service has or had."""
    former = set(event_names(event)[1:])
    for other in _events_of(service_package(event.__module__)) if former else ():
        for alias in sorted(former.intersection(event_names(other)) if other is not event else ()):
            yield Finding(
                place=place_of(event),
                message=f"event {event.__name__} was formerly {alias!r}, and so is or was event "
                f"{other.__name__}, at {place_of(other)}.",
                remedy="A name on the wire means one event: a new event gets a name that no other "
                "ever had.",
                slug="event-alias-taken",
            )


def _events_of(package: str) -> Iterator[type[Event]]:
    """All events in the loaded modules of the service *package*, public or not."""
    inside = f"{package}."
    loaded = list(sys.modules.items())  # Another thread may import meanwhile.
    modules = [module for name, module in loaded if f"{name}.".startswith(inside)]
    seen: set[Any] = set()
    for thing in [thing for module in modules for thing in list(vars(module).values())]:
        if isinstance(thing, type) and issubclass(thing, Event) and thing not in seen:
            seen.add(thing)
            if thing is not Event and service_package(thing.__module__) == package:
                yield thing
