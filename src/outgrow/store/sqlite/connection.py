"""One connection to an SQLite file: guarded statements, limited in time, readable failures."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import Any

from outgrow.errors import (
    DiskFailed,
    StatementFailed,
    StatementInterrupted,
    StatementRefused,
    UnitError,
)
from outgrow.store.rows import shorten
from outgrow.store.session import Row, Rows

STATEMENT_SECONDS_MAX = 1.0
INSTRUCTIONS_PER_LOOK = 20_000
STATEMENTS_CACHED_MAX = 512
LOCK_WAIT_SECONDS = 5.0
ROW_BYTES_MAX = 64 * 1024 * 1024
"""Of a row and of each value; SQLite makes one of a gigabyte without a look at the time."""

MARK = "/*outgrow*/ "

_ENDLESS = float("inf")
_SAVEPOINT = f"{MARK}savepoint unit"
_RELEASE = f"{MARK}release unit"
_TAKE_BACK = f"{MARK}rollback to unit"

_READS = frozenset(
    {
        sqlite3.SQLITE_SELECT,
        sqlite3.SQLITE_READ,
        sqlite3.SQLITE_FUNCTION,
        sqlite3.SQLITE_RECURSIVE,
    }
)
_WRITES = frozenset({sqlite3.SQLITE_INSERT, sqlite3.SQLITE_UPDATE, sqlite3.SQLITE_DELETE})
_OF_DISK = frozenset(
    {
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_NOTADB,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_CANTOPEN,
    }
)
_NEVER = frozenset(
    {
        sqlite3.SQLITE_TRANSACTION,
        sqlite3.SQLITE_SAVEPOINT,
        sqlite3.SQLITE_ATTACH,
        sqlite3.SQLITE_DETACH,
        sqlite3.SQLITE_PRAGMA,
    }
)

_TABLE_SECOND = frozenset(
    {
        sqlite3.SQLITE_ALTER_TABLE,
        sqlite3.SQLITE_CREATE_INDEX,
        sqlite3.SQLITE_CREATE_TEMP_INDEX,
        sqlite3.SQLITE_CREATE_TEMP_TRIGGER,
        sqlite3.SQLITE_CREATE_TRIGGER,
        sqlite3.SQLITE_DROP_INDEX,
        sqlite3.SQLITE_DROP_TEMP_INDEX,
        sqlite3.SQLITE_DROP_TEMP_TRIGGER,
        sqlite3.SQLITE_DROP_TRIGGER,
    }
)
"""Of these SQLite tells another name first, and then the table."""

_LOOKS = frozenset(
    {
        "database_list",
        "foreign_key_list",
        "index_info",
        "index_list",
        "index_xinfo",
        "table_info",
        "table_list",
        "table_xinfo",
    }
)


class Guard:
    """
    Says what the user's statements may do; SQLite asks it whenever it compiles one.

    Statements of outgrow's own are marked, so that the two never share a compiled statement.

    Attributes:
        rule: What holds for the statement that is about to run; None for outgrow's own.
    """

    def __init__(self) -> None:
        self.rule: Callable[[int, str | None], bool] | None = None

    def __call__(self, action: int, name: str | None, second: str | None, *_: str | None) -> int:
        rule = self.rule
        if rule is None or (
            rule(action, name) and (action not in _TABLE_SECOND or rule(action, second))
        ):
            return sqlite3.SQLITE_OK
        return sqlite3.SQLITE_DENY


def may_change(action: int, table: str | None) -> bool:
    """What a unit of work may do: read and write rows of its service's tables."""
    if action in _WRITES:
        return not _is_reserved(table) and not (table or "").lower().startswith("sqlite_")
    return may_read(action, table)


def may_read(action: int, table: str | None) -> bool:
    """What a snapshot may do."""
    if action == sqlite3.SQLITE_READ:
        return not _is_reserved(table)
    if action == sqlite3.SQLITE_FUNCTION:
        return True
    return action in _READS


def may_migrate(action: int, table: str | None) -> bool:
    """What a migration may do: anything to the service's own tables, in the one transaction."""
    return action not in _NEVER and not _is_reserved(table)


def may_migrate_and_look(action: int, table: str | None) -> bool:
    """What a tool for migrations may do: it asks how the tables are, too."""
    return may_migrate(action, table) or (action == sqlite3.SQLITE_PRAGMA and table in _LOOKS)


def _is_reserved(table: str | None) -> bool:
    return table is not None and table.lower().startswith("outgrow_")


class Connection:
    """
    A connection that one thread at a time uses.

    Attributes:
        raw: The connection of the standard library.
        started: When its last statement began.
    """

    def __init__(self, path: Path, rule: Callable[[int, str | None], bool]) -> None:
        self.raw = sqlite3.connect(
            path,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=STATEMENTS_CACHED_MAX,
            timeout=0,
        )
        self._path = path
        self._rule = rule
        self._guard = Guard()
        self._cursor = self.raw.cursor()
        self._marked: dict[str, str] = {}
        self._seconds_max = _ENDLESS
        self.started = 0.0

    def prepare(self) -> None:
        """Set what holds for as long as the connection lives."""
        self.raw.execute("pragma synchronous = full")
        self.raw.execute("pragma foreign_keys = on")
        self.raw.execute("pragma wal_autocheckpoint = 0")
        self.raw.execute("pragma trusted_schema = off")
        self.raw.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
        self.raw.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, ROW_BYTES_MAX)
        self.raw.set_authorizer(self._guard)
        self.raw.set_progress_handler(self.is_over_time, INSTRUCTIONS_PER_LOOK)

    def change(self, sql: str, parameters: dict[str, Any]) -> int:
        """Run a statement of the user's; how many rows it changed."""
        cursor = self._run(sql, parameters)
        if cursor.description is not None:
            self._take_all(sql)
        changed: int = cursor.rowcount
        return max(0, changed)

    def fetch(self, sql: str, parameters: dict[str, Any]) -> Rows:
        """Run a statement of the user's and take all its rows."""
        rows = self._take_all(sql) if self._run(sql, parameters).description else []
        return tuple([column[0] for column in self._cursor.description or ()]), rows

    def own(self, sql: str, parameters: Row = ()) -> list[Row]:
        """Run a statement of outgrow's own."""
        try:
            return self._run_own(sql, parameters).fetchall()
        except sqlite3.Error as error:
            raise self.explained(sql, error) from error

    def add(self, sql: str, parameters: Row) -> int:
        """Run an insert of outgrow's own that returns nothing; how many rows it added."""
        return self._run_own(sql, parameters).rowcount

    def savepoint(self) -> None:
        """Begin a unit within the transaction."""
        self._bracket(_SAVEPOINT)

    def release(self) -> None:
        """End a unit; its changes are the transaction's."""
        self._bracket(_RELEASE)

    def take_back(self) -> None:
        """Undo what the unit did so far, and go on with it."""
        self._bracket(_TAKE_BACK)

    @contextmanager
    def ruled_by(self, rule: Callable[[int, str | None], bool]) -> Iterator[None]:
        """Let *rule* say what the statements on `raw` may do."""
        self._guard.rule = rule
        try:
            yield
        finally:
            self._guard.rule = None

    @contextmanager
    def handed_out(self) -> Iterator[None]:
        """Let the user's statements run on `raw`, all of them in the time of one."""
        self._seconds_max = STATEMENT_SECONDS_MAX
        self.started = perf_counter()
        with self.ruled_by(self._rule):
            yield

    def own_meanwhile(self, sql: str) -> None:
        """Run a statement of outgrow's while `raw` is handed out."""
        self._guard.rule = None
        try:
            self.raw.execute(MARK + sql)
        finally:
            self._guard.rule = self._rule

    def begin_patiently(self) -> None:
        """Begin a transaction, waiting for a program that is writing; for a thread."""
        with self.patient(LOCK_WAIT_SECONDS):
            self.own("begin immediate")

    @contextmanager
    def patient(self, seconds: float) -> Iterator[None]:
        """Wait for locks for that long at most; for a thread."""
        self.raw.execute(f"{MARK}pragma busy_timeout = {seconds * 1000:.0f}")
        try:
            yield
        finally:
            self.raw.execute(f"{MARK}pragma busy_timeout = 0")

    def _run_own(self, sql: str, parameters: Row) -> sqlite3.Cursor:
        marked = self._marked.get(sql)
        if marked is None:
            marked = self._marked[sql] = MARK + sql
        self._seconds_max = _ENDLESS
        self.started = perf_counter()
        try:
            return self._cursor.execute(marked, parameters)
        except sqlite3.Error as error:
            raise self.explained(sql, error) from error

    def _bracket(self, marked: str) -> None:
        try:
            self._cursor.execute(marked)
        except sqlite3.Error as error:
            raise self.explained(marked.removeprefix(MARK), error) from error

    def _run(self, sql: str, parameters: dict[str, Any]) -> sqlite3.Cursor:
        if MARK in sql:
            self.refuse_mark(sql)
        self._seconds_max = STATEMENT_SECONDS_MAX
        self.started = perf_counter()
        self._guard.rule = self._rule
        try:
            return self._cursor.execute(sql, parameters)
        except (sqlite3.Error, sqlite3.Warning, OverflowError, ValueError) as error:
            raise self.explained(sql, error) from error
        finally:
            self._guard.rule = None

    def _take_all(self, sql: str) -> list[Row]:
        try:
            return self._cursor.fetchall()
        except (sqlite3.Error, OverflowError, ValueError) as error:
            raise self.explained(sql, error) from error

    def explained(self, sql: str, error: Exception) -> UnitError:
        """The error of outgrow's that tells what *error* of a statement means here."""
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_OK) & 0xFF
        return disk_failed(self._path, error) if code in _OF_DISK else explain(sql, error)

    def refuse_mark(self, sql: str) -> None:
        """Refuse a statement that looks like one of outgrow's."""
        if MARK in sql:
            message = f"{shorten(sql)}: the comment {MARK.strip()} is outgrow's. Leave it out."
            raise StatementRefused(message)

    def is_over_time(self) -> bool:
        """Whether what runs now takes longer than it may."""
        return perf_counter() - self.started > self._seconds_max


def disk_failed(path: Path, error: Exception) -> DiskFailed:
    """The error of outgrow's that tells that the disk is full, fails or is damaged."""
    message = (
        f"{path}: {error}. The unit of work was rolled back; what was committed before is kept. If "
        "the disk is full make room, and the next unit works. If the file is malformed keep it, "
        "and bring back a backup: outgrow store restore."
    )
    return DiskFailed(message, type(error).__name__)


def explain(sql: str, error: Exception) -> UnitError:
    """The error of outgrow's that tells what *error* means."""
    code = getattr(error, "sqlite_errorcode", None)
    if code == sqlite3.SQLITE_INTERRUPT:
        message = (
            f"{shorten(sql)}: interrupted after {STATEMENT_SECONDS_MAX:g} s. "
            "A statement may take that long at most, because others wait for it. "
            "Give it an index or a limit, or cut the work into several units."
        )
        return StatementInterrupted(message)
    if code == sqlite3.SQLITE_AUTH:
        message = (
            f"{shorten(sql)}: not allowed here. A unit of work reads and writes rows of its own "
            "service's tables, and a snapshot reads them. Transactions are outgrow's, schemas are "
            "changed by migrations, and tables named outgrow_… are not touched."
        )
        return StatementRefused(message)
    return StatementFailed(f"{shorten(sql)}: {error}", type(error).__name__)
