"""A service's statements on their way to PostgreSQL: marks, guard, values, rows."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
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
    (?P<comment>--[^\r\n]*|/\*)
    |(?P<coded>(?<![\w$])[uU]&['"])
    |(?P<text>(?<![\w$])[eE]'(?:[^'\\]|''|\\.)*'|'(?:[^']|'')*'
        |(?<![\w$])\$(?P<tag>(?:[^\W\d]\w*)?)\$.*?\$(?P=tag)\$)
    |(?P<cast>::)
    |:(?P<name>[A-Za-z_]\w*)
    |(?P<mark>\?)
    |(?P<word>[^\W\d][\w$]*|"(?:[^"]|"")*")
    |(?P<other>\S)
    """,
    re.VERBOSE | re.DOTALL,
)
_COMMENT_EDGE = re.compile(r"/\*|\*/")
_MAY_BEGIN: Final = frozenset({"select", "insert", "update", "delete", "with", "values"})
_NEVER_CALLED = re.compile(
    r"set_config|setval|nextval|lo_\w+|dblink\w*|txid_\w+|\w+_to_xml\w*|ts_stat|ts_rewrite"
)
"""They change the session, reach beyond it, draw numbers that nobody gives back, or run texts."""

_PG_FUNCTIONS: Final = frozenset({"pg_typeof", "pg_column_size", "pg_size_pretty"})
"""Of those named ``pg_…`` the ones that may be called; what is named so and no function may not."""


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
    tokens = list(_tokens(sql))
    _check(sql, [token for token in tokens if token[0] not in {"space", "comment"}])
    names: dict[str, int] = {}
    parts = [
        f"${names.setdefault(text[1:], len(names) + 1)}" if kind == "name" else text
        for kind, text in tokens
    ]
    return Translated("".join(parts), tuple(names))


@lru_cache(maxsize=STATEMENTS_REMEMBERED_MAX)
def translate_own(sql: str) -> str:
    """A statement of outgrow's own, with ``?`` parameters."""
    count = 0
    parts: list[str] = []
    for kind, text in _tokens(sql):
        count += kind == "mark"
        parts.append(f"${count}" if kind == "mark" else text)
    return "".join(parts)


def _tokens(sql: str) -> Iterator[tuple[str, str]]:
    """The parts of *sql* with their kinds; together they are *sql*."""
    position = 0
    while (match := _TOKEN.search(sql, position)) is not None:
        if match.start() > position:
            yield "space", sql[position : match.start()]
        kind, end = match.lastgroup or "other", match.end()
        if match["text"] is not None:
            kind = "text"  # Not the tag inside of it.
        if match.group() == "/*":
            end = _end_of_comment(sql, end)
        yield kind, sql[match.start() : end]
        position = end
    yield "space", sql[position:]


def _end_of_comment(sql: str, begin: int) -> int:
    """Behind the comment whose text starts at *begin*; in PostgreSQL they nest."""
    depth, position = 1, begin
    while depth:
        edge = _COMMENT_EDGE.search(sql, position)
        if edge is None:
            return len(sql)
        depth += 1 if edge.group() == "/*" else -1
        position = edge.end()
    return position


def _check(sql: str, tokens: list[tuple[str, str]]) -> None:
    """Refuse *sql* if it says what a unit of work may not."""
    if next((text.lower() for kind, text in tokens if kind == "word"), "") not in _MAY_BEGIN:
        raise _refused(sql)
    beside = [("", ""), *tokens, ("", "")]
    for before, (kind, text), behind in zip(beside, tokens, beside[2:], strict=False):
        # Behind an E'…', on the next line, a text goes on with its rules.
        is_continued = kind == before[0] == "text" and before[1][0] in "eE"
        if kind == "coded" or is_continued:
            raise _refused(sql)
        if kind == "word" and not _may_be_said(before[1], text, is_call=behind[1] == "("):
            raise _refused(sql)


def _may_be_said(before: str, text: str, *, is_call: bool) -> bool:
    name = text.strip('"').lower()
    if name.startswith("outgrow_") or (text.lower() == "into" and before.lower() != "insert"):
        return False
    if name.startswith("pg_"):
        return is_call and name in _PG_FUNCTIONS
    return not (is_call and _NEVER_CALLED.fullmatch(name))


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
    if not isinstance(value, float):
        return value
    if not value.is_integer():
        raise ValueError(f"{value!r} is no whole number, and the column keeps whole numbers")
    return int(value)


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
