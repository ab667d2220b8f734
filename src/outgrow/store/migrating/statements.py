"""The statements of a migration, and what none of them may say."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from typing import Final

from outgrow.errors import MigrationFailed

_SQLITE_NOISE: Final = r"""(?xs)--[^\n]* | /\*.*?(?:\*/|\Z) | '(?:[^']|'')*'
    | "(?:[^"]|"")*" | `(?:[^`]|``)*` | \[[^\]]*\]"""
# Texts, compiled when they are needed: who starts with SQLite needs none of PostgreSQL's.
_POSTGRES_NOISE: Final = r"""(?xs)--[^\n]* | /\*
    | (?<![\w$])[eE]'(?:[^'\\]|''|\\.)*' | '(?:[^']|'')*' | "(?:[^"]|"")*"
    | (?<![\w$])\$(?P<tag>(?:[A-Za-z_]\w*)?)\$.*?\$(?P=tag)\$"""
_COMMENT_EDGE: Final = re.compile(r"/\*|\*/")
_BODY: Final = r"(?is)\s*create\s+(or\s+replace\s+)?(function|procedure)\b.*\bbegin\s+atomic\b"
_BODY_END: Final = re.compile(r"\bend\s*;\Z", re.IGNORECASE)
_COMMENTS_AND_TEXTS: Final = re.compile(r"--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'", re.DOTALL)
_RESERVED: Final = re.compile(r"(?<![\w$])\"?outgrow_", re.IGNORECASE)
_NEVER_FIRST: Final = frozenset(
    {
        "abort",
        "begin",
        "checkpoint",
        "close",
        "cluster",
        "commit",
        "copy",
        "deallocate",
        "declare",
        "discard",
        "end",
        "execute",
        "fetch",
        "listen",
        "load",
        "lock",
        "move",
        "notify",
        "prepare",
        "release",
        "reset",
        "rollback",
        "savepoint",
        "set",
        "start",
        "unlisten",
        "vacuum",
    }
)
_DEFERRED: Final = re.compile(r"(not\s+)?deferrable\s+initially\s+deferred", re.IGNORECASE)


def statements_of(sql: str, *, is_postgres: bool = False) -> list[tuple[int, str]]:
    """
    The statements of *sql*, each with the line on which it begins.

    Args:
        sql: The text of a file.
        is_postgres: Whether it is in PostgreSQL's words, where dollars quote and comments nest.
    """
    found = []
    begin = 0
    bare = without_noise(sql, is_postgres=is_postgres)
    for end in _postgres_ends(sql) if is_postgres else _sqlite_ends(sql):
        found.append((_line_of(bare, begin), sql[begin:end]))
        begin = end
    if bare[begin:].strip():
        found.append((_line_of(bare, begin), sql[begin:]))
    return found


def refuse_deferred(place: str, sql: str) -> None:
    """
    Refuse a constraint that would be checked at the commit.

    Raises:
        MigrationFailed: There is one: it would fail the commit, and so the neighbours too.
    """
    for match in _DEFERRED.finditer(without_noise(sql)):
        if match[1] is None:
            message = (
                "a deferred constraint is checked at the commit, which units of work share, so "
                "one of them could fail the others. Leave out 'deferrable initially deferred'."
            )
            raise MigrationFailed(place, message)


def refuse_in_postgres(place: str, statement: str) -> None:
    """
    Refuse in PostgreSQL what SQLite's own guard refuses there.

    Raises:
        MigrationFailed: It would end the transaction, change the session, or outgrow's tables.
    """
    first = without_noise(statement, is_postgres=True).split(maxsplit=1)
    text = _COMMENTS_AND_TEXTS.sub(" ", statement)
    if (first and first[0].lower().rstrip(";") in _NEVER_FIRST) or _RESERVED.search(text):
        message = (
            "a migration changes its own service's tables, and no more. No transactions, settings "
            "of the session, or tables named outgrow_… Nothing was changed; correct it and start "
            "again."
        )
        raise MigrationFailed(place, message)


def without_noise(sql: str, *, is_postgres: bool = False) -> str:
    """*sql* with blanks for comments, texts and quoted names; every place and line stays."""
    pieces = []
    begin = 0
    for start, end in _noise(sql, is_postgres=is_postgres):
        pieces += [sql[begin:start], re.sub(r"[^\n]", " ", sql[start:end])]
        begin = end
    return "".join([*pieces, sql[begin:]])


def _sqlite_ends(sql: str) -> Iterator[int]:
    begin = position = 0
    while (end := sql.find(";", position)) != -1:
        position = end + 1
        if sqlite3.complete_statement(sql[begin:position]):
            yield position
            begin = position


def _postgres_ends(sql: str) -> Iterator[int]:
    bare = without_noise(sql, is_postgres=True)
    begin = position = 0
    while (end := bare.find(";", position)) != -1:
        position = end + 1
        statement = bare[begin:position]
        if re.match(_BODY, statement) and not _BODY_END.search(statement):
            continue
        if statement.strip() != ";":
            yield position
        begin = position


def _noise(sql: str, *, is_postgres: bool) -> Iterator[tuple[int, int]]:
    noise = re.compile(_POSTGRES_NOISE if is_postgres else _SQLITE_NOISE)
    position = 0
    while (match := noise.search(sql, position)) is not None:
        start, position = match.span()
        if is_postgres and match.group() == "/*":
            position = _comment_end(sql, position)
        yield start, position


def _comment_end(sql: str, position: int) -> int:
    """Where the comment ends that began before *position*; in PostgreSQL they nest."""
    depth = 1
    while depth and (edge := _COMMENT_EDGE.search(sql, position)) is not None:
        depth += 1 if edge.group() == "/*" else -1
        position = edge.end()
    return len(sql) if depth else position


def _line_of(bare: str, position: int) -> int:
    """The line of the first word at or behind *position*; in *bare* comments are blanks."""
    while position < len(bare) and bare[position].isspace():
        position += 1
    return bare.count("\n", 0, position) + 1
