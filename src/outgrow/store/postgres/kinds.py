"""Kinds of columns in PostgreSQL, and what SQLite keeps in their place."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final
from uuid import UUID


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


def _microseconds(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        message = "only days and less are of one length"
        raise ValueError(message) from None


def _utc(text: str) -> str:
    moment = _moment(text).astimezone(UTC).replace(tzinfo=None)
    return moment.isoformat(timespec="microseconds") + "Z"


def _moment(value: Any) -> datetime:
    moment = datetime.fromisoformat(value)
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _local_moment(value: Any) -> datetime:
    moment = datetime.fromisoformat(value)
    return moment if moment.tzinfo is None else moment.astimezone(UTC).replace(tzinfo=None)


KINDS: Final = {
    "bigint": "integer",
    "integer": "integer",
    "smallint": "integer",
    "double precision": "real",
    "real": "real",
    "text": "text",
    "character varying": "text",
    "character": "padded",
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
    "padded": _text_of,
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

AS_THEY_ARE: Final = frozenset({"integer", "real", "text", "padded", "blob"})
"""The kinds whose values are the same here and in SQLite."""

LOADERS: Final[dict[str, Callable[[Any], Any] | None]] = {
    "integer": None,
    "real": None,
    "text": None,
    "padded": None,
    "blob": None,
    "json": None,
    "boolean": int,
    "moment": _utc,
    "local_moment": _utc,
    "date": lambda text: date.fromisoformat(text).isoformat(),
    "time": lambda text: time.fromisoformat(text).isoformat(timespec="microseconds"),
    "duration": _microseconds,
    "decimal": str,
    "uuid": str,
}
"""What makes a column of each kind into what SQLite keeps, as `rows.adapt` writes it."""

_AS_TEXT: Final = "{0}::text"
_CHOSEN: Final = {
    "duration": (
        "case when extract(year from {0}) = 0 and extract(month from {0}) = 0 "
        "then (extract(epoch from {0}) * 1000000)::bigint::text else {0}::text end"
    ),
} | dict.fromkeys(("moment", "local_moment", "date", "time"), _AS_TEXT)


def chosen(column: str, kind: str) -> str:
    """What to select of *column*, quoted, for the loader of its kind."""
    return _CHOSEN.get(kind, "{0}" if kind in LOADERS else _AS_TEXT).format(column)
