"""A service's statements on their way to PostgreSQL: marks, guard, values, rows."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final, NamedTuple
from uuid import UUID

from outgrow.errors import StatementFailed, StatementRefused
from outgrow.store.rows import shorten

STATEMENTS_REMEMBERED_MAX: Final = 4_096

_TOKEN = re.compile(
    r"""
    (?P<kept>--[^\n]*|/\*.*?\*/|[eE]?'(?:[^']|'')*'|\$(?P<tag>\w*)\$.*?\$(?P=tag)\$|::)
    |:(?P<name>[A-Za-z_]\w*)
    |(?P<mark>\?)
    |(?P<word>[A-Za-z_]\w*|"(?:[^"]|"")*")(?P<call>\s*\()?
    """,
    re.VERBOSE | re.DOTALL,
)
_MAY_BEGIN: Final = frozenset({"select", "insert", "update", "delete", "with", "values"})
_NEVER_CALLED = re.compile(
    r"set_config|pg_(try_)?advisory_\w+|pg_notify|pg_terminate_backend|pg_cancel_backend|lo_\w+"
    r"|dblink\w*|pg_read_\w+|pg_ls_\w+|pg_switch_wal|pg_export_snapshot|query_to_xml\w*|txid_\w+"
)


class Translated(NamedTuple):
    """
    A statement in PostgreSQL's words.

    Attributes:
        sql: With ``$1``, ``$2``, … for its parameters.
        names: Of the parameters, in that order.
    """

    sql: str
    names: tuple[str, ...]


@lru_cache(maxsize=STATEMENTS_REMEMBERED_MAX)
def translate(sql: str) -> Translated:
    """
    A statement of the user's, with ``:name`` parameters.

    Raises:
        StatementRefused: A unit of work may not run it.
    """
    names: dict[str, int] = {}
    words: list[str] = []

    def one(match: re.Match[str]) -> str:
        if match["name"] is not None:
            return f"${names.setdefault(match['name'], len(names) + 1)}"
        if match["word"] is not None:
            _check_word(sql, match["word"], is_call=match["call"] is not None)
            words.append(match["word"].lower())
        return match.group()

    translated = _TOKEN.sub(one, sql)
    if not words or words[0] not in _MAY_BEGIN:
        raise _refused(sql)
    return Translated(translated, tuple(names))


@lru_cache(maxsize=STATEMENTS_REMEMBERED_MAX)
def translate_own(sql: str) -> str:
    """A statement of outgrow's own, with ``?`` parameters."""
    count = 0

    def one(match: re.Match[str]) -> str:
        nonlocal count
        if match["mark"] is None:
            return match.group()
        count += 1
        return f"${count}"

    return _TOKEN.sub(one, sql)


def _check_word(sql: str, word: str, *, is_call: bool) -> None:
    name = word.strip('"').lower()
    if name.startswith("outgrow_") or (is_call and _NEVER_CALLED.fullmatch(name)):
        raise _refused(sql)


def _refused(sql: str) -> StatementRefused:
    return StatementRefused(
        f"{shorten(sql)}: not allowed here. A unit of work reads and writes rows of its own "
        "service's tables, and a snapshot reads them. Transactions are outgrow's, schemas are "
        "changed by migrations, and tables named outgrow_… are not touched."
    )


def arguments_of(sql: str, names: tuple[str, ...], given: dict[str, Any]) -> list[Any]:
    """
    The values of *names*.

    Raises:
        StatementFailed: One is not given.
    """
    try:
        return [given[name] for name in names]
    except KeyError as error:
        message = f"{shorten(sql)}: no value for parameter :{error.args[0]}."
        raise StatementFailed(message, "ProgrammingError") from None


Writer = Callable[[Any], Any]


def writers_for(types: Sequence[str]) -> tuple[tuple[int, Writer], ...] | None:
    """What makes values as `rows.adapt` leaves them into what each parameter's type takes."""
    writers = tuple((i, _WRITERS[name]) for i, name in enumerate(types) if name in _WRITERS)
    return writers or None


def write_all(writers: tuple[tuple[int, Writer], ...], values: list[Any]) -> list[Any]:
    """*values* as their parameters take them; changes the list."""
    for index, write in writers:
        value = values[index]
        if value is not None:
            values[index] = write(value)
    return values


def loaders_for(types: Sequence[str]) -> tuple[tuple[int, Writer], ...] | None:
    """What makes columns of each type into what SQLite would have given, if that differs."""
    loaders = tuple((i, _LOADERS[name]) for i, name in enumerate(types) if name in _LOADERS)
    return loaders or None


def load_all(loaders: tuple[tuple[int, Writer], ...], rows: list[Any]) -> list[tuple[Any, ...]]:
    """*rows* with their columns loaded."""
    loaded = []
    for row in rows:
        values = list(row)
        for index, load in loaders:
            if values[index] is not None:
                values[index] = load(values[index])
        loaded.append(tuple(values))
    return loaded


def _text(value: Any) -> Any:
    return str(value) if isinstance(value, int | float) else value


def _whole(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _truth(value: Any) -> Any:
    return bool(value) if value in (0, 1) else value


def _moment(value: Any) -> Any:
    return datetime.fromisoformat(value) if isinstance(value, str) else value


def _local_moment(value: Any) -> Any:
    return _moment(value).astimezone(UTC).replace(tzinfo=None) if isinstance(value, str) else value


def _day(value: Any) -> Any:
    return date.fromisoformat(value) if isinstance(value, str) else value


def _time(value: Any) -> Any:
    return time.fromisoformat(value) if isinstance(value, str) else value


def _duration(value: Any) -> Any:
    return timedelta(microseconds=value) if isinstance(value, int) else value


def _decimal(value: Any) -> Any:
    return Decimal(str(value)) if isinstance(value, str | int | float) else value


_WRITERS: Final[dict[str, Writer]] = {
    "text": _text,
    "varchar": _text,
    "bpchar": _text,
    "int2": _whole,
    "int4": _whole,
    "int8": _whole,
    "bool": _truth,
    "timestamptz": _moment,
    "timestamp": _local_moment,
    "date": _day,
    "time": _time,
    "interval": _duration,
    "numeric": _decimal,
}


def _number_out(value: Decimal) -> Any:
    return int(value) if value.as_tuple().exponent == 0 else str(value)


def _moment_out(value: datetime) -> str:
    if value.tzinfo is not None:
        value = value.astimezone(UTC).replace(tzinfo=None)
    return value.isoformat(timespec="microseconds") + "Z"


def _time_out(value: time) -> str:
    return value.isoformat(timespec="microseconds")


_MICROSECOND = timedelta(microseconds=1)

_LOADERS: Final[dict[str, Writer]] = {
    "bool": int,
    "numeric": _number_out,
    "timestamptz": _moment_out,
    "timestamp": _moment_out,
    "date": date.isoformat,
    "time": _time_out,
    "interval": lambda value: value // _MICROSECOND,
    "uuid": lambda value: str(UUID(int=value.int)),
}
