"""Values on their way into the database, and rows on their way out, the same on every backend."""

from __future__ import annotations

import enum
from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec

from outgrow.contracts import (
    ListOf,
    MapOf,
    Maybe,
    RecordShape,
    Scalar,
    Shape,
    fields_of,
)
from outgrow.errors import StatementFailed
from outgrow.store.session import Row, Rows

T = TypeVar("T")

_NATIVE = frozenset({str, int, float, bytes, type(None)})
_SQL_SHOWN_CHARACTERS = 120


def shorten(sql: str) -> str:
    """*sql* in one line, short enough for a message."""
    line = " ".join(sql.split())
    return line if len(line) <= _SQL_SHOWN_CHARACTERS else f"{line[:_SQL_SHOWN_CHARACTERS]}…"


def adapt(sql: str, parameters: dict[str, Any]) -> dict[str, Any]:
    """
    *parameters* as the database keeps them.

    Truth is 0 or 1, a time is ISO text in UTC with microseconds, an enumeration its value; lists,
    dictionaries and records are JSON text.

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
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, datetime):
        if value.tzinfo is None:
            message = f"parameter :{name} is a time without a zone. Times are aware, in UTC."
            raise StatementFailed(f"{shorten(sql)}: {message}", "ParameterError")
        return value.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, list | dict | tuple | msgspec.Struct):
        return msgspec.json.encode(value).decode()
    if isinstance(value, str | int | float | bytes):
        return value
    message = (
        f"parameter :{name} is a {type(value).__qualname__}, which no column keeps. "
        "Kept are text, numbers, truth, bytes, times, enumerations, and as JSON text lists, "
        "dictionaries and records."
    )
    raise StatementFailed(f"{shorten(sql)}: {message}", "ParameterError")


def to_list(kind: type[T], sql: str, answer: Rows) -> list[T]:
    """
    The rows of *answer* as *kind*.

    Raises:
        StatementFailed: A row does not fit *kind*; says which column.
    """
    columns, rows = answer
    try:
        if issubclass(kind, msgspec.Struct):
            return _to_records(kind, columns, rows)
        return _to_values(kind, columns, rows)
    except (msgspec.ValidationError, msgspec.DecodeError) as error:
        message = (
            f"{shorten(sql)}: a row does not fit {kind.__qualname__}: {error}. "
            f"Columns: {', '.join(columns) or 'none'}. Name them after the fields with 'as'."
        )
        raise StatementFailed(message, "RowError") from error


def _to_values(kind: type[T], columns: tuple[str, ...], rows: list[Row]) -> list[T]:
    if len(columns) != 1:
        message = f"a single value comes from a single column, and there are {len(columns)}"
        raise msgspec.ValidationError(message)
    if kind is bool:
        return [_truth(value) for (value,) in rows]  # type: ignore[misc]
    return [msgspec.convert(value, kind) for (value,) in rows]


def _to_records(kind: type[T], columns: tuple[str, ...], rows: list[Row]) -> list[T]:
    found = []
    loads = _loads(kind)
    for row in rows:
        values = dict(zip(columns, row, strict=True))
        for name, load in loads:
            if values.get(name) is not None:
                values[name] = load(values[name])
        found.append(msgspec.convert(values, kind))
    return found


def _truth(value: Any) -> bool:
    if value not in (0, 1) or value is None:
        message = f"{value!r} is no truth; truth is kept as 0 or 1"
        raise msgspec.ValidationError(message)
    return bool(value)


def _loads(kind: Any) -> tuple[tuple[str, Any], ...]:
    """What must be done to columns before they are fields of *kind*."""
    known: tuple[tuple[str, Any], ...] | None = kind.__dict__.get("__outgrow_loads__")
    if known is None:
        found = [(field.name, _load(field.shape)) for field in fields_of(kind)]
        known = kind.__outgrow_loads__ = tuple((name, load) for name, load in found if load)
    return known


def _load(shape: Shape) -> Any:
    if isinstance(shape, Maybe):
        return _load(shape.item)
    if isinstance(shape, ListOf | MapOf | RecordShape):
        return msgspec.json.decode
    if isinstance(shape, Scalar) and shape.kind == "bool":
        return _truth
    return None
