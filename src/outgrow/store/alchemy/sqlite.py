"""SQLAlchemy on the connection of an SQLite store, in the thread that uses it."""

from __future__ import annotations

import contextvars
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol

from sqlalchemy import Connection, Engine, make_url
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.pool import NullPool

from outgrow.store.alchemy.sessions import (
    SAVEPOINT,
    Access,
    access_of,
    before,
    note,
    perform,
    refuse,
)


class SqliteAccess(Access, Protocol):
    """
    What a store in SQLite hands out.

    Attributes:
        raw: Its connection, guarded.
    """

    raw: sqlite3.Connection

    def own(self, sql: str) -> None:
        """Run a statement that the user may not."""


_handed_out: contextvars.ContextVar[SqliteAccess] = contextvars.ContextVar("outgrow.alchemy.sqlite")


def run_on_sqlite(
    access: SqliteAccess,
    function: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
) -> Any:
    """
    Call ``function(session, ...)`` in the transaction that is open on *access*.

    If it raises, what it did is taken back, and the transaction goes on.
    """
    access.own(f"savepoint {SAVEPOINT}")
    try:
        with connect_sqlite(access) as connection:
            outcome = perform(connection, function, args, kwargs)
    except BaseException:
        if access.raw.in_transaction:
            access.own(f"rollback to {SAVEPOINT}")
            access.own(f"release {SAVEPOINT}")
        raise
    if access.raw.in_transaction:
        access.own(f"release {SAVEPOINT}")
    return outcome


@contextmanager
def connect_sqlite(access: SqliteAccess) -> Iterator[Connection]:
    """The connection of *access*, as SQLAlchemy's."""
    token = _handed_out.set(access)
    try:
        with _ENGINE.connect() as connection:
            yield connection
    finally:
        _handed_out.reset(token)


class _Cursor(sqlite3.Cursor):
    """Looks at each statement before it runs, and at what becomes of it."""

    access: SqliteAccess

    def execute(self, sql: str, *parameters: Any) -> _Cursor:
        before(self.access, sql)
        with self._noting(sql):
            return super().execute(sql, *parameters)

    def executemany(self, sql: str, *parameters: Any) -> _Cursor:
        before(self.access, sql)
        with self._noting(sql):
            return super().executemany(sql, *parameters)

    def fetchall(self) -> list[Any]:
        with self._noting("fetch"):
            return super().fetchall()

    @contextmanager
    def _noting(self, sql: str) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, sqlite3.Warning) as error:
            note(self.access, sql, error)
            raise
        except (OverflowError, ValueError) as error:  # as the driver says what it cannot keep
            raise note(self.access, sql, error) from error


class _Door:
    """What SQLAlchemy takes for a connection of its own."""

    isolation_level = None

    def __init__(self, access: SqliteAccess) -> None:
        self.access = access

    def cursor(self) -> _Cursor:
        cursor = self.access.raw.cursor(_Cursor)
        cursor.access = self.access
        return cursor

    def rollback(self) -> None:
        if not self.access.has_ended and self.access.failure is None:
            raise refuse(self.access, "a rollback")

    def commit(self) -> None:
        if self.access.has_ended:
            return
        raise refuse(self.access, "a commit")

    def close(self) -> None:
        """Stay open: it is the store's."""


class OutgrowSqliteDialect(SQLiteDialect_pysqlite):
    """SQLite's, in a transaction that is not its own."""

    supports_statement_cache = True

    def on_connect(self) -> Any:
        """Add no functions: a new one would make every prepared statement anew."""
        return None

    def get_default_isolation_level(self, dbapi_conn: Any) -> Any:  # noqa: ARG002 - as SQLAlchemy's
        """Need not ask; it never differs."""
        return "SERIALIZABLE"

    def do_savepoint(self, connection: Any, name: str) -> None:
        """Begin a nested transaction."""
        self._own(connection, f"savepoint {name}")

    def do_rollback_to_savepoint(self, connection: Any, name: str) -> None:
        """Take a nested transaction back."""
        self._own(connection, f"rollback to savepoint {name}")
        access_of(connection).failure = None

    def do_release_savepoint(self, connection: Any, name: str) -> None:
        """End a nested transaction."""
        self._own(connection, f"release savepoint {name}")

    def _own(self, connection: Any, sql: str) -> None:
        access: Any = access_of(connection)
        if access.end is not None:
            raise access.end
        access.own(sql)


def _make_engine() -> Engine:
    """What all stores use, since all that it keeps are compiled statements."""
    dialect = OutgrowSqliteDialect(dbapi=OutgrowSqliteDialect.import_dbapi())
    first = _FirstLook()
    pool = NullPool(
        lambda: _Door(_handed_out.get(first)),  # type: ignore[arg-type]
        reset_on_return=None,
        dialect=dialect,
    )
    engine = Engine(pool, dialect, make_url("sqlite://"))
    with engine.connect() as connection:
        dialect.initialize(connection)
    first.raw.close()
    return engine


class _FirstLook:
    """What the engine learns its database by, before there is a store."""

    def __init__(self) -> None:
        self.raw = sqlite3.connect(":memory:")
        self.end: BaseException | None = None
        self.failure: BaseException | None = None
        self.has_ended = True

    def check(self, sql: str) -> None:
        """Let everything pass."""

    def own(self, sql: str) -> None:
        """Do nothing."""

    def explain(self, sql: str, error: Exception) -> BaseException:  # noqa: ARG002
        """Say it as it is."""
        return error


_ENGINE = _make_engine()
