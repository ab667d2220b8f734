"""Kinds of columns in PostgreSQL, and what SQLite keeps in their place."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from outgrow.store.session import Row


def loaded(row: Any, loaders: list[tuple[int, Callable[[Any], Any]]]) -> Row:
    """*row* of asyncpg, with what `LOADERS` have made of its columns."""
    if not loaders:
        return tuple(row)
    values = list(row)
    for index, load in loaders:
        if values[index] is not None:
            values[index] = load(values[index])
    return tuple(values)


def _exactly(kind: type[Any]) -> Callable[[Any], Any]:
    def check(value: Any) -> Any:
        if type(value) is not kind:
            message = f"it is no {kind.__name__}"
            raise TypeError(message)
        return value

    return check


def _real(value: Any) -> float:
    if not isinstance(value, int | float):
        message = "it is no number"
        raise TypeError(message)
    return float(value)


def _text_of(value: Any) -> str:
    if not isinstance(value, str):
        message = "it is no text"
        raise TypeError(message)
    if "\0" in value:
        message = "PostgreSQL keeps no text with the character NUL in it"
        raise ValueError(message)
    return value


def _truth(value: Any) -> bool:
    if value not in (0, 1):
        message = "truth is 0 or 1"
        raise ValueError(message)
    return bool(value)


def _moment(value: Any) -> datetime:
    moment = datetime.fromisoformat(value)
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _local_moment(value: Any) -> datetime:
    moment = datetime.fromisoformat(value)
    return moment if moment.tzinfo is None else moment.astimezone(UTC).replace(tzinfo=None)


_MICROSECOND = timedelta(microseconds=1)

KINDS: Final = {
    "bigint": "integer",
    "integer": "integer",
    "smallint": "integer",
    "double precision": "real",
    "real": "real",
    "text": "text",
    "character varying": "text",
    "bytea": "blob",
    "boolean": "boolean",
    "timestamp with time zone": "moment",
    "timestamp without time zone": "local_moment",
    "date": "date",
    "time without time zone": "time",
    "interval": "duration",
    "numeric": "decimal",
    "uuid": "uuid",
    "json": "json",
    "jsonb": "json",
}
"""The kinds of columns by their types; any other type is carried as its text."""

WRITERS: Final[dict[str, Callable[[Any], Any]]] = {
    "integer": _exactly(int),
    "real": _real,
    "text": _text_of,
    "blob": _exactly(bytes),
    "boolean": _truth,
    "moment": _moment,
    "local_moment": _local_moment,
    "date": date.fromisoformat,
    "time": time.fromisoformat,
    "duration": lambda value: timedelta(microseconds=value),
    "decimal": lambda value: Decimal(str(value)),
    "uuid": UUID,
    "json": _text_of,
}
"""What makes what SQLite keeps into what a column of each kind takes."""

AS_THEY_ARE: Final = frozenset({"integer", "real", "text", "blob"})
"""The kinds whose values are the same here and in SQLite."""

LOADERS: Final[dict[str, Callable[[Any], Any] | None]] = {
    "integer": None,
    "real": None,
    "text": None,
    "blob": None,
    "json": None,
    "boolean": int,
    "moment": lambda value: (
        value.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"
    ),
    "local_moment": lambda value: value.isoformat(timespec="microseconds") + "Z",
    "date": date.isoformat,
    "time": lambda value: value.isoformat(timespec="microseconds"),
    "duration": lambda value: value // _MICROSECOND,
    "decimal": str,
    "uuid": str,
}
"""What makes a column of each kind into what SQLite keeps, as `rows.adapt` writes it."""
