"""Changes of a service's tables: ``migrations/0001_name.sql``, each applied once, in order."""

from __future__ import annotations

import hashlib
import re
import sqlite3
from dataclasses import dataclass
from pathlib import Path

from outgrow.errors import MigrationFailed

_NAME = re.compile(r"(\d{4})_([a-z0-9_]+)\.sql")
_NOISE = re.compile(
    r"""--[^\n]* | /\*.*?(?:\*/|\Z) | '(?:[^']|'')*'
    | "(?:[^"]|"")*" | `(?:[^`]|``)*` | \[[^\]]*\]""",
    re.VERBOSE | re.DOTALL,
)
_DEFERRED = re.compile(r"(not\s+)?deferrable\s+initially\s+deferred", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """
    One file of the folder.

    Attributes:
        number: Its place in the order; the first is 1, and there are no gaps.
        path: Where it stands.
        sql: Its text.
        checksum: SHA-256 of the text; an applied migration must not change.
    """

    number: int
    path: Path
    sql: str
    checksum: str


def read_migrations(folder: Path | None) -> list[Migration]:
    """
    The migrations in *folder*, in order.

    Raises:
        MigrationFailed: The folder is missing, or the files are not numbered from 0001 on.
    """
    if folder is None:
        return []
    if not folder.is_dir():
        raise MigrationFailed(str(folder), "there is no such folder of migrations.")
    migrations = []
    for number, path in enumerate(sorted(folder.glob("*.sql")), start=1):
        name = _NAME.fullmatch(path.name)
        if name is None or int(name[1]) != number:
            message = (
                f"this should be migration {number:04}. Files are named 0001_create_orders.sql, "
                "0002_…, without gaps, in small letters."
            )
            raise MigrationFailed(str(path), message)
        data = path.read_bytes()
        checksum = hashlib.sha256(data).hexdigest()
        migrations.append(Migration(number=number, path=path, sql=data.decode(), checksum=checksum))
    return migrations


def statements_of(sql: str) -> list[tuple[int, str]]:
    """The statements of *sql*, each with the line on which it begins."""
    found = []
    begin = position = 0
    while (end := sql.find(";", position)) != -1:
        position = end + 1
        if sqlite3.complete_statement(sql[begin:position]):
            found.append((_line_of(sql, begin), sql[begin:position]))
            begin = position
    if _without_noise(sql[begin:]).strip():
        found.append((_line_of(sql, begin), sql[begin:]))
    return found


def apply_migration(raw: sqlite3.Connection, migration: Migration) -> None:
    """
    Apply *migration* in the transaction that is open.

    Raises:
        MigrationFailed: A statement was not accepted, or it declares a deferred constraint.
    """
    for line, statement in statements_of(migration.sql):
        place = f"{migration.path}:{line}"
        refuse_deferred(place, statement)
        try:
            raw.execute(statement)
        except (sqlite3.Error, sqlite3.Warning) as error:
            raise MigrationFailed(place, _reason(error)) from error
        if not raw.in_transaction:
            message = "it ended the transaction. All of it is one transaction, which outgrow ends."
            raise MigrationFailed(place, message)


def refuse_deferred(place: str, sql: str) -> None:
    """
    Refuse a constraint that would be checked at the commit.

    Raises:
        MigrationFailed: There is one: it would fail the commit, and so the neighbours too.
    """
    for match in _DEFERRED.finditer(_without_noise(sql)):
        if match[1] is None:
            message = (
                "a deferred constraint is checked at the commit, which units of work share, so "
                "one of them could fail the others. Leave out 'deferrable initially deferred'."
            )
            raise MigrationFailed(place, message)


def _reason(error: Exception) -> str:
    text = str(error)
    if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_AUTH:
        text += (
            ": a migration changes its own service's tables, and no more. No transactions, "
            "pragmas, other files, or tables named outgrow_…"
        )
    return f"{text.rstrip('.')}. Nothing was changed; correct it and start again."


def _without_noise(sql: str) -> str:
    """*sql* without comments, texts and quoted names."""
    return _NOISE.sub(" ", sql)


def _line_of(sql: str, position: int) -> int:
    while position < len(sql) and sql[position].isspace():
        position += 1
    return sql.count("\n", 0, position) + 1
