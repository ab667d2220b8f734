"""Values on their way into the database, and rows on their way out, the same on every backend."""

from __future__ import annotations

import enum
import functools
import typing
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, NamedTuple, TypeVar, cast
from uuid import UUID

import msgspec

from outgrow.contracts import (
    Check,
    Choice,
    Maybe,
    OneValueOf,
    RecordShape,
    Scalar,
    Shape,
    UnknownShape,
    convert,
    converter,
    encode_ordered,
    fields_of,
    is_record,
    parts_of,
    range_check,
    read_shape,
)
from outgrow.errors import StatementFailed
from outgrow.store.session import Row, Rows

T = TypeVar("T")

_NATIVE = frozenset({str, int, float, bytes, type(None)})
_SQL_SHOWN_CHARACTERS = 120
_MICROSECOND = timedelta(microseconds=1)


def shorten(sql: str) -> str:
    """*sql* in one line, short enough for a message."""
    line = " ".join(sql.split())
    return line if len(line) <= _SQL_SHOWN_CHARACTERS else f"{line[:_SQL_SHOWN_CHARACTERS]}…"


def adapt(sql: str, parameters: dict[str, Any]) -> dict[str, Any]:
    """
    *parameters* as the database keeps them.

    Truth is 0 or 1, an enumeration its value, a `timedelta` a whole number of microseconds. A
    moment is ISO text in UTC with microseconds, dates and times of day are ISO text, decimals and
    UUIDs text. Collections and records are JSON text.

    Raises:
        StatementFailed: A value has a type that no column can keep, or a time has no zone.
    """
    for value in parameters.values():
        if type(value) not in _NATIVE:
            return {name: _adapt_value(sql, name, value) for name, value in parameters.items()}
    return parameters


def _adapt_value(sql: str, name: str, value: Any) -> Any:
    if type(value) in _NATIVE:
        return value
    try:
        for kind, write in _WRITERS:
            if isinstance(value, kind):
                return write(value)
        if is_record(type(value)):
            return _json_text(value)
    except (ValueError, TypeError, OverflowError) as error:
        message = f"parameter :{name} cannot be kept: {str(error).rstrip('.')}."
        raise StatementFailed(f"{shorten(sql)}: {message}", "ParameterError") from error
    message = (
        f"parameter :{name} is a {type(value).__qualname__}, which no column keeps. "
        "Kept are text, numbers, truth, bytes, moments, dates, times, durations, decimals, UUIDs, "
        "enumerations, and as JSON text collections and records."
    )
    raise StatementFailed(f"{shorten(sql)}: {message}", "ParameterError")


def _moment_text(value: datetime) -> str:
    if value.tzinfo is None:
        raise ValueError("it is a time without a zone. Times are aware, in UTC")
    return value.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def _time_text(value: time) -> str:
    if value.tzinfo is not None:
        raise ValueError("it is a time of day with a zone. A time of day has none")
    return value.isoformat(timespec="microseconds")


def _decimal_text(value: Decimal) -> str:
    if not value.is_finite():
        raise ValueError(f"{value} is no finite number")
    return str(value)


def _json_text(value: Any) -> str:
    return encode_ordered(value).decode()


_WRITERS: tuple[tuple[Any, Callable[[Any], Any]], ...] = (
    (bool, int),
    (datetime, _moment_text),
    (date, date.isoformat),
    (time, _time_text),
    (timedelta, lambda value: value // _MICROSECOND),
    (Decimal, _decimal_text),
    (UUID, str),
    (enum.Enum, lambda value: value.value),
    (list | tuple | dict | set | frozenset, _json_text),
    (str | int | float | bytes, lambda value: value),
)
"""What writes values of each class as a column keeps them; the first that fits."""


class _Reader(NamedTuple):
    """
    How rows become values of one type.

    Attributes:
        loads: Of a record: the columns that must be changed before they are fields, the names of
            the fields in data, and what changes them.
        load: Of a single value: what changes it first.
        check: What is checked of each value.
        make: What makes a value of what was loaded.
    """

    is_record: bool
    loads: tuple[tuple[str, str, Callable[[Any], Any] | None], ...]
    load: Callable[[Any], Any] | None
    check: Check | None
    make: Callable[[Any], Any]


def to_list(kind: type[T], sql: str, answer: Rows) -> list[T]:
    """
    The rows of *answer* as *kind*.

    Raises:
        StatementFailed: A row does not fit *kind*; says which column.
    """
    columns, rows = answer
    try:
        reader = _reader_of(cast("Any", kind))
        if reader.is_record:
            return _to_records(reader, columns, rows)
        return _to_values(reader, columns, rows)
    except (msgspec.ValidationError, msgspec.DecodeError) as error:
        name = getattr(kind, "__qualname__", None) or repr(kind)
        message = (
            f"{shorten(sql)}: a row does not fit {name}: {error}. "
            f"Columns: {', '.join(columns) or 'none'}. Name them after the fields with 'as'."
        )
        raise StatementFailed(message, "RowError") from error


def _to_values(reader: _Reader, columns: tuple[str, ...], rows: list[Row]) -> list[Any]:
    if len(columns) != 1:
        message = f"a single value comes from a single column, and there are {len(columns)}"
        raise msgspec.ValidationError(message)
    found = []
    for (value,) in rows:
        loaded = value if reader.load is None or value is None else reader.load(value)
        found.append(_seen(reader.make(loaded), reader.check))
    return found


def _to_records(reader: _Reader, columns: tuple[str, ...], rows: list[Row]) -> list[Any]:
    found = []
    for row in rows:
        values = dict(zip(columns, row, strict=True))
        for name, encoded, load in reader.loads:
            if name in values:
                value = values.pop(name)
                values[encoded] = value if load is None or value is None else load(value)
        found.append(_seen(reader.make(values), reader.check))
    return found


def _seen(value: Any, check: Check | None) -> Any:
    if check is not None:
        check(value)
    return value


def _truth(value: Any) -> bool:
    if value not in (0, 1) or value is None:
        message = f"{value!r} is no truth; truth is kept as 0 or 1"
        raise msgspec.ValidationError(message)
    return bool(value)


def _duration(value: Any) -> timedelta:
    if not isinstance(value, int):
        message = f"{value!r} is no duration; one is kept as a whole number of microseconds"
        raise msgspec.ValidationError(message)
    try:
        return timedelta(microseconds=value)
    except OverflowError as error:
        raise msgspec.ValidationError(str(error)) from error


def _decimal(value: Any) -> Decimal:
    if isinstance(value, float):
        message = (
            f"{value!r} is a float and may have lost digits; a decimal is kept as text: declare "
            "the column as text"
        )
        raise msgspec.ValidationError(message)
    decimal: Decimal = convert(value, Decimal)
    return decimal


@functools.lru_cache(maxsize=4_096)
def _reader_of(kind: Any) -> _Reader:
    """How rows become values of *kind*; of what no contract carries, as msgspec sees to it."""
    try:
        shape = read_shape(kind)
    except UnknownShape:
        if is_record(typing.get_origin(kind) or kind):
            raise
        make = functools.partial(msgspec.convert, type=kind)
        return _Reader(is_record=False, loads=(), load=None, check=None, make=make)
    is_ranged = _may_be_out_of_range(shape, set())
    check = range_check(shape, has_length=False) if is_ranged else None
    if not isinstance(shape, RecordShape):
        load = _load(shape)
        return _Reader(is_record=False, loads=(), load=load, check=check, make=converter(kind))
    loads = [(f.name, f.encoded, _load(f.shape)) for f in fields_of(shape.record)]
    needed = tuple(one for one in loads if one[0] != one[1] or one[2] is not None)
    return _Reader(is_record=True, loads=needed, load=None, check=check, make=converter(kind))


def _may_be_out_of_range(shape: Shape, seen: set[Any]) -> bool:
    """Whether what a column held may be no value: whole numbers have 64 bits there."""
    match shape:
        case Scalar(kind=kind):
            return kind in ("datetime", "time", "timedelta", "decimal")
        case RecordShape(record=record):
            if record in seen:
                return False
            seen.add(record)
            return any(_may_be_out_of_range(field.shape, seen) for field in fields_of(record))
    return any(_may_be_out_of_range(part, seen) for part in parts_of(shape))


def _load(shape: Shape) -> Callable[[Any], Any] | None:
    """What must be done to a column before it is a value of *shape*."""
    match shape:
        case Maybe(item=item):
            return _load(item)
        case Scalar(kind=kind):
            return _LOADS.get(kind)
        case Choice() | OneValueOf():
            return None
    return msgspec.json.decode


_LOADS: dict[str, Callable[[Any], Any]] = {
    "bool": _truth,
    "timedelta": _duration,
    "decimal": _decimal,
}
