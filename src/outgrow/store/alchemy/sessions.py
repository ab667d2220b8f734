"""What of SQLAlchemy a unit of work hands out, and what it keeps to itself."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, NoReturn, Protocol

from sqlalchemy import Connection, exc
from sqlalchemy.orm import Session

from outgrow.errors import StatementFailed, StatementRefused, UnitError
from outgrow.store.rows import shorten

SAVEPOINT = "alchemy"
"""Where a function begins; if it raises, what it did is taken back up to here."""


class Access(Protocol):
    """
    A connection of the store's that is handed out for as long as one function runs.

    Attributes:
        end: Why the function cannot succeed any more, whatever it does.
        failure: A statement that failed, and was not taken back yet with what it began in.
        has_ended: Whether the function is over, so that the session only lets go.
    """

    end: BaseException | None
    failure: BaseException | None
    has_ended: bool

    def explain(self, sql: str, error: Exception) -> BaseException:
        """What *error* of the driver means."""

    def check(self, sql: str) -> None:
        """Raise if *sql* may not run, or if the time is over."""


def before(access: Access, sql: str) -> None:
    """
    Look at a statement before it runs.

    Raises:
        UnitError: It may not, or one before it failed and was not taken back.
    """
    if access.end is not None:
        raise access.end
    try:
        access.check(sql)
    except UnitError as error:
        access.end = error
        raise
    if access.failure is not None:
        message = (
            f"{shorten(sql)}: a statement before it failed in the same function, which in "
            "PostgreSQL ends the transaction. Put what may fail into 'with session.begin_nested():'"
        )
        raise StatementFailed(message, "OperationalError") from access.failure


def note(access: Access, sql: str, error: Exception) -> BaseException:
    """What *error* of the statement *sql* means; it counts, even if the function swallows it."""
    explained = access.explain(sql, error)
    if isinstance(explained, StatementFailed):
        access.failure = access.failure or explained
    else:
        access.end = access.end or explained
    return explained


def refuse(access: Access, what: str) -> BaseException:
    """The error for *what* only the unit of work does; the function cannot succeed any more."""
    access.end = access.end or StatementRefused(
        f"{what} in a function given to run(...): its unit of work commits, together with all else "
        "that it does, or takes everything back if it raises. Leave it out; to try something that "
        "may fail, write 'with session.begin_nested():'."
    )
    return access.end


class UnitSession(Session):
    """A session that neither commits nor rolls back: the unit of work does that."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(bind=connection, expire_on_commit=False)
        self._access = access_of(connection)

    def commit(self) -> NoReturn:
        """Refuse."""
        self._refuse("commit()")

    def rollback(self) -> NoReturn:
        """Refuse."""
        self._refuse("rollback()")

    def close(self) -> None:
        """Refuse, as long as the function runs."""
        if not self._access.has_ended:
            self._refuse("close()")
        super().close()

    def _refuse(self, call: str) -> NoReturn:
        raise refuse(self._access, f"session.{call}")


def access_of(connection: Connection) -> Access:
    """What *connection* was handed out by."""
    access: Access = connection.connection.dbapi_connection.access  # type: ignore[union-attr]
    return access


def perform(
    connection: Connection,
    function: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
) -> Any:
    """
    Call ``function(session, ...)`` and write what is in the session; its objects are detached.

    Raises:
        UnitError: What the database said, or what was refused. What the function itself raised
            comes out as it is.
    """
    access = access_of(connection)
    session = UnitSession(connection)
    try:
        outcome = function(session, *args, **kwargs)
        if inspect.isawaitable(outcome):
            _drop(outcome)
            raise refused_async(function)
        session.flush()
        access.check("")
    except exc.SQLAlchemyError as error:
        raise _explained(access, function, error) from error
    finally:
        access.has_ended = True
        session.close()
    end = access.end or access.failure
    if end is not None:
        raise end
    return outcome


def refused_async(function: Callable[..., Any]) -> StatementRefused:
    """The error for a function that would wait."""
    return StatementRefused(
        f"{name_of(function)} is async, and run(...) takes an ordinary function: "
        "'def work(session: Session, ...)'. It runs beside the event loop, and waits for nothing "
        "but the database."
    )


def name_of(function: Callable[..., Any]) -> str:
    """The function's name, for messages."""
    return getattr(function, "__qualname__", repr(function))


def _drop(outcome: Any) -> None:
    if inspect.iscoroutine(outcome):
        outcome.close()


def _explained(
    access: Access, function: Callable[..., Any], error: exc.SQLAlchemyError
) -> BaseException:
    """The store's own error for *error*."""
    known = access.end or access.failure
    if known is not None:
        return known
    sql = name_of(function)
    if isinstance(error, exc.StatementError):
        sql = shorten(error.statement or sql)
        if isinstance(error.orig, UnitError):
            return error.orig
        return StatementFailed(f"{sql}: {error.orig}", "ParameterError")
    return StatementFailed(f"{sql}: {error}", type(error).__name__)
