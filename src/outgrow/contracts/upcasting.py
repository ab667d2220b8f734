"""Reading what a journal has kept: events of today's form, and of all forms before it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import msgspec

from outgrow.contracts.codecs import decoder
from outgrow.contracts.events import Event, Upcaster, event_schema, event_type, event_upcasters
from outgrow.contracts.places import caller_place, place_of
from outgrow.errors import EventUnreadable, Finding, InvalidContract

U = TypeVar("U", bound=Upcaster)


def upcast(event: type[Event], *, schema: int) -> Callable[[U], U]:
    """
    Let a function make the next schema of an event from an older one, when it is read.

    ``@upcast(Charged, schema=1)`` stands on ``def _(old: dict[str, Any]) -> dict[str, Any]``: it is
    given the JSON object of an event that was recorded with schema 1, and returns that of schema 2.
    From there the next function goes on. It stands in the module of its event. The journal keeps
    what was written.

    Args:
        event: What is read.
        schema: The older schema, below that of the event.

    Raises:
        InvalidContract: No such schema is older, it has an upcaster already, or the function is
            none that can be one.
    """

    def mark(function: U) -> U:
        InvalidContract.raise_if_any(_findings(event, schema, function))
        event.__outgrow_upcasters__[schema] = function  # type: ignore[attr-defined]
        return function

    return mark


class EventReader:
    """
    Makes events of one class from what journals hold, whatever schema it was written with.

    Fields that the class does not have are passed over: a newer version may have added them.
    """

    def __init__(self, event: type[Event]) -> None:
        self._event = event
        self._schema = event_schema(event)
        self._upcasters = event_upcasters(event)
        hint: Any = event
        self._decode = decoder(hint)

    def read(self, schema: int, body: str) -> Event:
        """
        The event that was written as *body* with *schema*.

        Raises:
            EventUnreadable: It is of a newer schema, an upcaster failed, or it does not fit.
        """
        if schema == self._schema:
            return self._made(body, lambda: "New fields of an event need a default.")
        if schema > self._schema:
            raise EventUnreadable(
                f"it was written with schema {schema} by a newer version of its service, and this "
                f"process knows {event_type(self._event)} up to schema {self._schema}. Deploy "
                "those who listen first: a version that knows the newer schema reads it"
            )
        values: Any = self._decode_object(body)
        for older in range(schema, self._schema):
            values = self._upcast(older, values)
        try:
            text = msgspec.json.encode(values)
        except (TypeError, ValueError, RecursionError, OverflowError) as error:
            raise EventUnreadable(
                f"it cannot be made JSON again: {error}. {self._made_by()}"
            ) from None
        return self._made(text, self._made_by)

    def _decode_object(self, body: str) -> dict[str, Any]:
        try:
            return msgspec.json.decode(body, type=dict[str, Any])
        except msgspec.DecodeError as error:
            raise EventUnreadable(f"it is no JSON object: {error}") from None

    def _upcast(self, schema: int, values: dict[str, Any]) -> dict[str, Any]:
        upcaster = self._upcasters.get(schema)
        if upcaster is None:
            raise EventUnreadable(
                f"it was written with schema {schema}, and nothing makes {schema + 1} of that. "
                f"Write @upcast({self._event.__name__}, schema={schema}) in "
                f"{self._event.__module__}"
            )
        try:
            found = upcaster(values)
        except Exception as error:
            raise EventUnreadable(
                f"the upcaster of schema {schema}, {_told(upcaster)}, raised "
                f"{type(error).__name__}: {error}"
            ) from error
        if not isinstance(found, dict):
            raise EventUnreadable(
                f"the upcaster of schema {schema}, {_told(upcaster)}, returned a "
                f"{type(found).__name__} instead of a dict of the fields of schema {schema + 1}"
            )
        return found

    def _made_by(self) -> str:
        return f"The last upcaster, {_told(self._upcasters[self._schema - 1])}, made it."

    def _made(self, body: str | bytes, hint: Callable[[], str]) -> Event:
        try:
            return self._decode(body)  # type: ignore[no-any-return]
        except Exception as error:  # noqa: BLE001 - validators of the user's classes raise anything
            raise EventUnreadable(
                f"it does not fit {event_type(self._event)} with schema {self._schema}: {error}. "
                f"{hint()}"
            ) from None


def _told(upcaster: Upcaster) -> str:
    return f"{getattr(upcaster, '__qualname__', repr(upcaster))} at {place_of(upcaster)}"


def _findings(event: Any, schema: Any, function: Any) -> list[Finding]:
    place = place_of(function) if inspect.isroutine(function) else caller_place(2)
    if not (isinstance(event, type) and issubclass(event, Event)) or event is Event:
        return [
            Finding(
                place=place,
                message=f"an upcaster is for {getattr(event, '__name__', repr(event))}, which is "
                "no event.",
                remedy="Write @upcast(Charged, schema=1): a class of events, and the older schema.",
                slug="upcast-no-event",
            )
        ]
    return [
        *_schema_findings(event, schema, place),
        *_function_findings(event, function, place),
    ]


def _schema_findings(event: type[Event], schema: Any, place: str) -> Iterator[Finding]:
    name, current = event.__name__, event_schema(event)
    if type(schema) is not int or not 1 <= schema < current:
        older = f"Its older schemas: 1 to {current - 1}" if current > 1 else "It has no older one"
        yield Finding(
            place=place,
            message=f"an upcaster of {name} is for schema {schema!r}, and the event has schema "
            f"{current}.",
            remedy=f"{older}. An upcaster takes an older one and makes the next. If the form of "
            f"the event changed, write class {name}(Event, ..., schema={current + 1}).",
            slug="upcast-schema",
        )
    elif schema in event_upcasters(event):
        yield Finding(
            place=place,
            message=f"{name} has two upcasters for schema {schema}; the other is at "
            f"{place_of(event_upcasters(event)[schema])}.",
            remedy="One function makes the next schema of each older one.",
            slug="upcast-twice",
        )


def _function_findings(event: type[Event], function: Any, place: str) -> Iterator[Finding]:
    name = event.__name__
    if not _takes_one(function):
        yield Finding(
            place=place,
            message=f"an upcaster of {name} is no plain function of one value.",
            remedy="Write def _(old: dict[str, Any]) -> dict[str, Any], which returns the new "
            "form. It waits for nothing: whoever reads an old event runs it.",
            slug="upcast-signature",
        )
    module = getattr(function, "__module__", None)
    if module != event.__module__:
        yield Finding(
            place=place,
            message=f"an upcaster of {name} stands in {module}, and the event in "
            f"{event.__module__}.",
            remedy=f"Move it into {event.__module__}: then whoever can name the event can read "
            "it, in every process.",
            slug="upcast-elsewhere",
        )


def _takes_one(function: Any) -> bool:
    if (
        inspect.iscoroutinefunction(function)
        or inspect.isgeneratorfunction(function)
        or inspect.isasyncgenfunction(function)
    ):
        return False
    try:
        inspect.signature(function).bind(None)
    except (TypeError, ValueError):
        return False
    return True
