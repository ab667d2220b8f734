"""Records and events: frozen data with named fields."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Self, dataclass_transform

import msgspec

from outgrow.contracts.places import caller_place, service_name, service_package
from outgrow.contracts.shapes import Check, compile_fields_check, fields_of
from outgrow.errors import Finding, InvalidContract

if TYPE_CHECKING:

    @dataclass_transform(frozen_default=True, kw_only_default=True)
    class Record:
        """
        Frozen data with named, typed fields: what methods take and give.

        Limits, such as ``Annotated[int, Ge(1)]``, are checked whenever a record is made. Types are
        checked where data enters a process.
        """

        def __init_subclass__(cls, *, tag: str | None = None) -> None: ...

        def replace(self, **changes: Any) -> Self:
            """A copy with some fields changed."""

    class Event(Record):
        """
        Something that happened, told to whoever listens.

        An event belongs to the service whose contract defines it. Events with equal keys arrive in
        the order in which they were recorded; ``key=None`` says that order does not matter.
        """

        def __init_subclass__(cls, *, key: str | None, tag: str | None = None) -> None: ...

else:

    class _RecordMeta(msgspec.StructMeta):
        """Makes every record frozen and keyword-only, and checks its limits when it is made."""

        def __new__(
            mcls, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **options: Any
        ) -> Any:
            namespace.setdefault("__post_init__", _make_post_init(namespace))
            if namespace["__post_init__"] is None:
                del namespace["__post_init__"]
            options.setdefault("frozen", True)
            options.setdefault("kw_only", True)
            try:
                return super().__new__(mcls, name, bases, namespace, **options)
            except (TypeError, ValueError) as error:
                finding = Finding(
                    place=caller_place(2 if mcls is not _RecordMeta else 1),
                    message=f"{name} cannot be made: {error}",
                    remedy="A default that is a list or dictionary is empty: [] or {}. Give others "
                    "where the record is made.",
                    slug="record-definition",
                )
                raise InvalidContract([finding]) from error

    def _make_post_init(namespace: dict[str, Any]) -> Callable[[Any], None] | None:
        # Hints may name what is defined further down, so the check is compiled at first use.
        hints = namespace.get("__annotations__", {}).values()
        if all(_HAS_NO_LIMITS.fullmatch(_text(hint)) for hint in hints):
            return None
        checks: dict[type, Check | None] = {}

        def check_limits(record: Any) -> None:
            cls = type(record)
            try:
                check = checks[cls]
            except KeyError:
                check = checks[cls] = compile_fields_check(fields_of(cls))
            if check is not None:
                check(record)

        return check_limits

    _HAS_NO_LIMITS = re.compile(r"(?:str|int|float|bool|bytes|datetime|list|dict|None|[\[\], |])+")

    def _text(hint: Any) -> str:
        return hint if isinstance(hint, str) else getattr(hint, "__name__", None) or repr(hint)

    class Record(msgspec.Struct, metaclass=_RecordMeta):
        """Frozen data with named, typed fields: what methods take and give."""

        __outgrow_checked__ = True  # its limits, when it is made

        def replace(self, **changes: Any) -> Any:
            return msgspec.structs.replace(self, **changes)

    _MISSING = object()

    class _EventMeta(_RecordMeta):
        """Keeps the event's ordering key, and refuses an event that does not say which it is."""

        def __new__(
            mcls,
            name: str,
            bases: tuple[type, ...],
            namespace: dict[str, Any],
            *,
            key: Any = _MISSING,
            **options: Any,
        ) -> Any:
            cls = super().__new__(mcls, name, bases, namespace, **options)
            if bases != (Record,):
                InvalidContract.raise_if_any(_key_findings(cls, key))
                cls.__outgrow_key__ = key
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
    module = sys.modules.get(f"{package}.contract") or sys.modules.get(package)
    things: list[Any] = list(vars(module).values()) if module else []
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


def event_key(event: Event) -> str | None:
    """The value that keeps *event* in order with others, as text; None if order does not matter."""
    name = type(event).__outgrow_key__  # type: ignore[attr-defined]
    return None if name is None else str(getattr(event, name))
