"""SQLAlchemy on the connection of a PostgreSQL store, on the event loop."""

from __future__ import annotations

import contextvars
import functools
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol

from sqlalchemy import Connection, Engine, make_url
from sqlalchemy.dialects.postgresql.asyncpg import (
    AsyncAdapt_asyncpg_connection,
    AsyncAdapt_asyncpg_cursor,
    PGDialect_asyncpg,
)
from sqlalchemy.pool import NullPool
from sqlalchemy.util import await_only, greenlet_spawn

from outgrow.store.alchemy.sessions import (
    SAVEPOINT,
    Access,
    access_of,
    before,
    note,
    perform,
    refuse,
)

STATEMENTS_PREPARED_MAX = 256


class PostgresAccess(Access, Protocol):
    """
    What a store in PostgreSQL hands out.

    Attributes:
        raw: Its connection of asyncpg, in a transaction.
        opening: What begins the transaction, if nothing has yet.
        keeper: What lives as long as the connection, to remember its prepared statements by.
    """

    raw: Any
    opening: str
    keeper: Any


_handed_out: contextvars.ContextVar[PostgresAccess] = contextvars.ContextVar(
    "outgrow.alchemy.postgres"
)


async def run_on_postgres(
    access: PostgresAccess,
    function: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
) -> Any:
    """
    Call ``function(session, ...)`` in the transaction that is open on *access*.

    If it raises, what it did is taken back, and the transaction goes on. What ends the transaction
    is no `Exception`, and comes out with nothing done about it.
    """
    await _command(access, f"{access.opening}savepoint {SAVEPOINT}")
    try:
        outcome = await greenlet_spawn(_call, access, function, args, kwargs)
    except Exception:
        await _command(access, f"rollback to {SAVEPOINT}; release {SAVEPOINT}")
        raise
    await _command(access, f"release {SAVEPOINT}")
    return outcome


async def _command(access: PostgresAccess, sql: str) -> None:
    try:
        await access.raw.execute(sql)
    except Exception as error:  # the border to the driver
        raise access.explain(sql, error) from error


def _call(
    access: PostgresAccess,
    function: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
) -> Any:
    with connect_postgres(access) as connection:
        return perform(connection, function, args, kwargs)


@contextmanager
def connect_postgres(access: PostgresAccess) -> Iterator[Connection]:
    """The connection of *access*, as SQLAlchemy's; inside of a greenlet of SQLAlchemy's only."""
    token = _handed_out.set(access)
    try:
        with _engine().connect() as connection:
            door = _door_of(connection)
            try:
                yield connection
            finally:
                # What is remembered by the keeper must not keep it alive.
                door.access = _NOBODY
    finally:
        _handed_out.reset(token)


class _Cursor(AsyncAdapt_asyncpg_cursor):
    """Looks at each statement before it runs, and at what becomes of it."""

    def execute(self, operation: str, parameters: Any = None) -> None:
        with self._noting(operation):
            super().execute(operation, parameters)  # type: ignore[no-untyped-call]

    def executemany(self, operation: str, seq_of_parameters: Any) -> Any:
        with self._noting(operation):
            return super().executemany(operation, seq_of_parameters)  # type: ignore[no-untyped-call]

    @contextmanager
    def _noting(self, sql: str) -> Iterator[None]:
        door: Any = self._adapt_connection
        before(door.access, sql)
        try:
            yield
        except door.dbapi.Error as error:
            note(door.access, sql, error.__cause__ or error)
            raise


class _Door(AsyncAdapt_asyncpg_connection):
    """What SQLAlchemy takes for a connection of its own."""

    _cursor_cls = _Cursor
    access: PostgresAccess

    def __init__(self, raw: Any) -> None:
        super().__init__(  # type: ignore[no-untyped-call]
            _engine().dialect.dbapi, raw, prepared_statement_cache_size=STATEMENTS_PREPARED_MAX
        )
        self.isolation_level = "autocommit"  # So that it begins nothing; the unit has begun.

    def own(self, sql: str) -> None:
        """Run a statement that the user may not."""
        if self.access.end is not None:
            raise self.access.end
        raw: Any = self._connection
        await_only(raw.execute(sql))

    def rollback(self) -> None:
        if not self.access.has_ended and self.access.failure is None and self.access.end is None:
            raise refuse(self.access, "a rollback")

    def commit(self) -> None:
        if self.access.has_ended:
            return
        raise refuse(self.access, "a commit")

    def close(self) -> None:
        """Stay open: it is the store's."""

    def terminate(self) -> None:
        """Stay open."""


class OutgrowPostgresDialect(PGDialect_asyncpg):
    """PostgreSQL's, in a transaction that is not its own."""

    supports_statement_cache = True
    supports_server_side_cursors = False  # Theirs would not be looked at.
    server_version_info = (14,)
    default_schema_name = "public"
    default_isolation_level = "SERIALIZABLE"

    def on_connect(self) -> None:
        """Change no codecs: the store's own statements use the connection too."""

    def do_savepoint(self, connection: Any, name: str) -> None:
        """Begin a nested transaction."""
        _door_of(connection).own(f"savepoint {name}")

    def do_rollback_to_savepoint(self, connection: Any, name: str) -> None:
        """Take a nested transaction back."""
        _door_of(connection).own(f"rollback to savepoint {name}")
        access_of(connection).failure = None

    def do_release_savepoint(self, connection: Any, name: str) -> None:
        """End a nested transaction."""
        _door_of(connection).own(f"release savepoint {name}")


def _door_of(connection: Any) -> _Door:
    door: _Door = connection.connection.dbapi_connection
    return door


_NOBODY: Any = None

_doors: weakref.WeakKeyDictionary[Any, _Door] = weakref.WeakKeyDictionary()
"""By what keeps each connection, so that its statements are prepared once."""


def _connect() -> Any:
    access = _handed_out.get()
    door = _doors.get(access.keeper) if access.keeper is not None else None
    if door is None:
        door = _Door(access.raw)
        if access.keeper is not None:
            _doors[access.keeper] = door
    door.access = access
    return door


@functools.cache
def _engine() -> Engine:
    """What all stores use, since all that it keeps are compiled statements."""
    dbapi = OutgrowPostgresDialect.import_dbapi()  # type: ignore[no-untyped-call]
    dialect = OutgrowPostgresDialect(dbapi=dbapi)  # type: ignore[no-untyped-call]
    pool = NullPool(_connect, reset_on_return=None, dialect=dialect)
    return Engine(pool, dialect, make_url("postgresql+asyncpg://"))
