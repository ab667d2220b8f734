"""
What exactly does not fit, and where: asked only after a converter has refused.

The converters are fast and say nothing; these walk over the same messages slowly and name every
place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from outgrow.calls.protobuf import values
from outgrow.calls.protobuf.values import shown
from outgrow.contracts import (
    Choice,
    Field,
    ListOf,
    MapOf,
    Maybe,
    OneOf,
    OneValueOf,
    ProtoEnum,
    ProtoField,
    ProtoMessage,
    RecordShape,
    Scalar,
    Shape,
    TupleOf,
    compile_check,
    fields_of,
    is_pydantic,
)
from outgrow.contracts.codecs import DECIMAL_CHARACTERS_MAX, Misfit

FINDINGS_MAX = 10

_INT64 = range(-(2**63), 2**63)

Findings = list[tuple[str, str]]
"""``(place, message)`` for each part that does not fit."""


def find_in_values(made: ProtoMessage, given: Sequence[Any]) -> Findings:
    """``(place, message)`` for the first ten parts of what is *given* that *made* cannot hold."""
    walk = _Out()
    try:
        for field, value in zip(made.fields, given, strict=False):
            walk.field(field, field.shape, value, field.name, 0)
    except _Enough:
        pass
    return walk.found


def find_in_message(made: ProtoMessage, fields: Iterable[Field], message: Any) -> Findings:
    """``(place, message)`` for the first ten parts of *message* that *fields* do not fit."""
    walk = _In()
    laid_out = {field.name: field for field in made.fields}
    try:
        for field in fields:
            if field.name in laid_out:
                value = walk.field(laid_out[field.name], field, message, field.name)
                walk.check(field.shape, value, field.name)
    except _Enough:
        pass
    return walk.found


class _Enough(Exception):
    """So much is wrong that the rest is not looked at."""


class _Walk:
    """
    Collects findings.

    Attributes:
        found: Place and message of each.
    """

    def __init__(self) -> None:
        self.found: Findings = []

    def find(self, place: str, text: str) -> None:
        self.found.append((place if len(place) <= 200 else f"{place[:197]}...", text))
        if len(self.found) == FINDINGS_MAX:
            raise _Enough


class _Out(_Walk):
    """Looks for what messages cannot hold."""

    def field(self, made: ProtoField, shape: Shape, value: Any, place: str, depth: int) -> None:
        """Look at the *value* of a whole field."""
        if isinstance(shape, Maybe):
            if value is None:
                return
            shape = shape.item
        if made.label == "repeated" and isinstance(shape, ListOf):
            if self._is_a(_TYPES[shape.kind], value, place):
                for n, part in enumerate(value):
                    self._single(made, shape.item, part, f"{place}[{n}]", depth)
        elif made.label == "map" and isinstance(shape, MapOf):
            if self._is_a(dict, value, place):
                for key, part in value.items():
                    self._scalar(shape.key, key, f"{place} key")
                    self._single(made, shape.value, part, f"{place}[{shown(key)}]", depth + 1)
        else:
            self._single(made, shape, value, place, depth)

    def _is_a(self, cls: type, value: Any, place: str) -> bool:
        if type(value) is not cls:
            self.find(place, f"{shown(value)} is no {cls.__name__}")
        return type(value) is cls

    def _single(self, made: ProtoField, shape: Shape, value: Any, place: str, depth: int) -> None:
        if isinstance(made.target, ProtoMessage):
            self._inside(made.target, value, place, depth + 1)
        elif made.target is None and made.type.startswith("google.") and depth == values.DEPTH_MAX:
            self.find(place[:80], _TOO_DEEP)
        else:
            self._scalar(shape, value, place)

    def _inside(self, message: ProtoMessage, value: Any, place: str, depth: int) -> None:
        if depth > values.DEPTH_MAX:
            self.find(place[:80], _TOO_DEEP)
            return
        match message.shape:
            case RecordShape(cls=cls):
                if self._is_a(cls, value, place):
                    for field in message.fields:
                        part = getattr(value, field.name)
                        self.field(field, field.shape, part, f"{place}.{field.name}", depth)
            case TupleOf(items=items) if message.role == "tuple":
                if type(value) is not tuple or len(value) != len(items):
                    self.find(place, f"{shown(value)} is no tuple of {len(items)}")
                    return
                for n, (field, part) in enumerate(zip(message.fields, value, strict=True)):
                    self.field(field, field.shape, part, f"{place}[{n}]", depth)
            case OneOf() if message.role == "one_of":
                self._member(message, value, place, depth)
            case _:
                only = message.fields[0]
                self.field(only, only.shape, value, place, depth)

    def _member(self, message: ProtoMessage, value: Any, place: str, depth: int) -> None:
        for field in message.fields:
            if isinstance(field.shape, RecordShape) and type(value) is field.shape.cls:
                self._single(field, field.shape, value, place, depth)
                return
        names = (field.shape.name for field in message.fields if hasattr(field.shape, "name"))
        self.find(place, f"{shown(value)} is none of {', '.join(names)}")

    def _scalar(self, shape: Shape, value: Any, place: str) -> None:
        match shape:
            case Scalar(kind=kind) if _is_of(kind, value):
                if text := _TOO_MUCH.get(kind, _fits)(value):
                    self.find(place, text)
            case Choice(enum=enum) if type(value) is enum:
                return
            case OneValueOf(values=words):
                if type(value) is not type(words[0]) or value not in words:
                    self.find(place, f"{shown(value)} is none of {', '.join(map(ascii, words))}")
            case _:
                self.find(place, f"{shown(value)} is no {_wanted(shape)}")


class _In(_Walk):
    """Reads a message slowly, and says of each part why it cannot be read."""

    def check(self, shape: Shape, value: Any, place: str) -> None:
        """Look whether a value that could be read keeps the limits of its type."""
        check = compile_check(shape)
        if value is not _BAD and check is not None:
            self._try(lambda: check(value), place)

    def _try(self, make: Callable[[], Any], place: str) -> Any:
        try:
            return make()
        except Exception as error:  # noqa: BLE001 - a class of the user's may raise anything
            for inner, problem in Misfit.of(error).findings:
                self.find(place + inner, problem)
            return _BAD

    def field(self, made: ProtoField, field: Field, message: Any, place: str) -> Any:
        """The value of a whole field, or `_BAD`."""
        shape, found = field.shape, getattr(message, made.name)
        if made.label in ("repeated", "map"):
            return self._many(made, shape, found, place)
        if message.HasField(made.name):
            inner = shape.item if isinstance(shape, Maybe) else shape
            return self._single(made, inner, found, place)
        if isinstance(shape, Maybe):
            return None
        if not field.is_required:
            return field.default if field.factory is None else self._try(field.factory, place)
        self.find(place, "is missing")
        return _BAD

    def _many(self, made: ProtoField, shape: Shape, found: Any, place: str) -> Any:
        if isinstance(shape, MapOf):
            pairs = [self._entry(made, shape, entry, place) for entry in found]
            parts = [part for pair in pairs for part in pair]
            return _BAD if any(part is _BAD for part in parts) else dict(pairs)
        if not isinstance(shape, ListOf):
            return _BAD
        items = [
            self._single(made, shape.item, part, f"{place}[{n}]") for n, part in enumerate(found)
        ]
        if any(item is _BAD for item in items):
            return _BAD
        cls = _TYPES[shape.kind]
        return self._try(
            lambda: values.distinct(cls, items) if cls in (set, frozenset) else cls(items), place
        )

    def _entry(self, made: ProtoField, shape: MapOf, entry: Any, place: str) -> tuple[Any, Any]:
        key = self._key(shape, entry.key, f"{place} key")
        return key, self._single(made, shape.value, entry.value, f"{place}[{shown(entry.key)}]")

    def _key(self, shape: MapOf, found: Any, place: str) -> Any:
        if not isinstance(shape.key, Choice):
            return self._scalar(shape.key, found, place)
        for member in shape.key.enum:
            if member.value == found:
                return member
        self.find(place, f"{shown(found)} is no {shape.key.enum.__name__}")
        return _BAD

    def _single(self, made: ProtoField, shape: Shape, found: Any, place: str) -> Any:
        if isinstance(made.target, ProtoMessage):
            return self._inside(made.target, found, place)
        if isinstance(made.target, ProtoEnum):
            for member in made.target.shape.enum:
                if made.target.values[member.name] == found:
                    return member
            self.find(place, f"{found} is no number of {made.target.name}")
            return _BAD
        return self._scalar(shape, found, place)

    def _scalar(self, shape: Shape, found: Any, place: str) -> Any:
        if isinstance(shape, OneValueOf) and found not in shape.values:
            self.find(place, f"{shown(found)} is none of {', '.join(map(ascii, shape.values))}")
            return _BAD
        if isinstance(shape, Scalar) and shape.kind in _READ:
            return self._try(lambda: _READ[shape.kind](found), place)
        return found

    def _inside(self, message: ProtoMessage, found: Any, place: str) -> Any:
        match message.role:
            case "record":
                return self._record(message, found, place)
            case "tuple":
                parts = [
                    self.field(field, Field(field.name, field.shape), found, f"{place}[{n}]")
                    for n, field in enumerate(message.fields)
                ]
                return _BAD if any(part is _BAD for part in parts) else tuple(parts)
            case "one_of":
                which = found.WhichOneof(message.one_of)
                for field in message.fields:
                    if field.name == which:
                        return self._single(field, field.shape, getattr(found, which), place)
                names = ", ".join(field.name for field in message.fields)
                self.find(place, f"holds none of {names}")
                return _BAD
        only = message.fields[0]
        return self.field(only, Field(only.name, only.shape), found, place)

    def _record(self, message: ProtoMessage, found: Any, place: str) -> Any:
        shape: Any = message.shape
        given = {}
        for made, field in zip(message.fields, fields_of(shape.record), strict=True):
            is_told = made.label in ("repeated", "map") or found.HasField(made.name)
            if is_told or field.is_required or not is_pydantic(shape.cls):
                given[field.name] = self.field(made, field, found, f"{place}.{field.name}")
        if any(value is _BAD for value in given.values()):
            return _BAD
        if is_pydantic(shape.cls):
            validate: Any = shape.cls.model_validate  # type: ignore[attr-defined,unused-ignore]
            return self._try(lambda: validate(given, by_name=True, by_alias=False), place)
        return self._try(lambda: shape.cls(**given), place)


_BAD = object()
"""What stands for a value that could not be read."""

_TOO_DEEP = f"lies more than {values.DEPTH_MAX} deep; make it flatter"
_TYPES: dict[str, type] = {"list": list, "tuple": tuple, "set": set, "frozenset": frozenset}
_READ: dict[str, Callable[[Any], Any]] = {
    "datetime": values.moment,
    "timedelta": values.duration,
    "date": values.day,
    "time": values.clock,
    "decimal": values.decimal,
    "uuid": values.uuid,
}
_EXACT: dict[str, tuple[type, ...]] = {"bool": (bool,), "int": (int,), "float": (int,)}
_BELOW: dict[str, tuple[type, ...]] = {
    "float": (float,),
    "str": (str,),
    "bytes": (bytes,),
    "datetime": (datetime,),
    "date": (date,),
    "time": (time,),
    "timedelta": (timedelta,),
    "decimal": (Decimal,),
    "uuid": (UUID,),
}


def _is_of(kind: str, value: Any) -> bool:
    if isinstance(value, datetime) and kind == "date":
        return False
    return type(value) in _EXACT.get(kind, ()) or isinstance(value, _BELOW.get(kind, ()))


def _fits(_: Any) -> str | None:
    return None


def _int_text(value: int) -> str | None:
    return None if value in _INT64 else f"{shown(value)} does not fit into 64 bits"


def _float_text(value: float) -> str | None:
    try:
        fits = value != value or float(value) == value  # noqa: PLR0124 - NaN fits
    except OverflowError:
        fits = False
    return None if fits else f"{shown(value)} cannot be a float without loss"


def _str_text(value: str) -> str | None:
    try:
        value.encode()
    except UnicodeEncodeError:
        return f"{shown(value)} holds half of a surrogate pair, which is no text"
    return None


def _datetime_text(value: datetime) -> str | None:
    if value.utcoffset() is None:
        return f"{value} has no time zone; times are aware, in UTC"
    try:
        value.astimezone(UTC)
    except OverflowError:
        return f"{value} lies outside of the years 1 to 9999 in UTC"
    return None


def _time_text(value: time) -> str | None:
    return None if value.tzinfo is None else f"{value} has a time zone; times of day have none"


def _timedelta_text(value: timedelta) -> str | None:
    longest = timedelta(seconds=values.DURATION_SECONDS_MAX)
    return None if -longest <= value <= longest else f"{value} is longer than 10,000 years"


def _decimal_text(value: Decimal) -> str | None:
    if not value.is_finite():
        return f"{value} is no finite number"
    length = len(str(value))
    if length > DECIMAL_CHARACTERS_MAX:
        return f"has {length} characters; a decimal has at most {DECIMAL_CHARACTERS_MAX}"
    return None


_TOO_MUCH: dict[str, Callable[[Any], str | None]] = {
    "int": _int_text,
    "float": _float_text,
    "str": _str_text,
    "datetime": _datetime_text,
    "time": _time_text,
    "timedelta": _timedelta_text,
    "decimal": _decimal_text,
}


def _wanted(shape: Shape) -> str:
    match shape:
        case Scalar(kind=kind):
            return kind
        case Choice(enum=enum):
            return enum.__name__
    return "None"
