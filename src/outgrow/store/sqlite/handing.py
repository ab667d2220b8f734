"""A connection to an SQLite file in the hands of a function of the user's."""

from __future__ import annotations

import contextvars
import sys
from collections.abc import Callable
from typing import Any

from outgrow.errors import ExtraMissing, StatementInterrupted
from outgrow.store.pace import Pace
from outgrow.store.sqlite.connection import STATEMENT_SECONDS_MAX, Connection


class Aside(Pace):
    """What always runs in the thread: nobody knows what a function of the user's does next time."""

    def ran_aside(self, work: str, processor_seconds: float) -> None:
        """Learn nothing."""


class HandedOut:
    """
    What the room `alchemy` has of a connection.

    Attributes:
        raw: The connection of the standard library, guarded as for any statement of the user's.
        explain: What an error of it means.
        end: Why the function cannot succeed any more.
        failure: A statement that failed and was not taken back yet.
        has_ended: Whether the function is over.
    """

    def __init__(self, connection: Connection, name: str) -> None:
        self._connection = connection
        self._name = name
        self.raw = connection.raw
        self.explain = connection.explained
        self.end: BaseException | None = None
        self.failure: BaseException | None = None
        self.has_ended = False

    def check(self, sql: str) -> None:
        """
        Look at a statement before it runs, or at the clock if it is empty.

        Raises:
            StatementRefused: It has a mark of outgrow's.

            StatementInterrupted: The function takes longer than a statement may.
        """
        self._connection.refuse_mark(sql)
        if self._connection.is_over_time():
            self.end = StatementInterrupted(
                f"{self._name}: interrupted after {STATEMENT_SECONDS_MAX:g} s. A function that is "
                "given to run(...) may take that long at most, because others wait for it. Cut "
                "the work into several units, and do what needs no database before."
            )
            raise self.end

    def own(self, sql: str) -> None:
        """Run a statement that the user may not."""
        self._connection.own_meanwhile(sql)


def handing(
    connection: Connection,
    function: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> tuple[str, Callable[[str, None], Any]]:
    """
    A name for the call ``function(session, ...)``, and what makes it; for the thread.

    Raises:
        ExtraMissing: SQLAlchemy is not installed.
    """
    try:
        from outgrow.store.alchemy import name_of, run_on_sqlite  # noqa: PLC0415 - an extra
    except ModuleNotFoundError as error:
        raise ExtraMissing("sqlalchemy", "functions that take a session of SQLAlchemy") from error

    variables = contextvars.copy_context()

    def call(name: str, _: None) -> Any:
        return variables.run(handed_out, name)

    def handed_out(name: str) -> Any:
        with connection.handed_out():
            return run_on_sqlite(HandedOut(connection, name), function, args, kwargs)

    return name_of(function), call


def be_ready() -> None:
    """Import now what the first unit would wait for, if the program uses SQLAlchemy."""
    if "sqlalchemy" in sys.modules:
        import outgrow.store.alchemy  # noqa: PLC0415, F401 - an extra
