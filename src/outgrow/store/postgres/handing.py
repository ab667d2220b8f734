"""A connection to PostgreSQL in the hands of a function of the user's."""

from __future__ import annotations

import sys
from collections.abc import Callable, Coroutine
from time import perf_counter
from typing import Any

from outgrow.errors import ExtraMissing, StatementInterrupted
from outgrow.store.postgres.connection import STATEMENT_SECONDS_MAX, Connection
from outgrow.store.postgres.statements import translate

Explain = Callable[[str, Exception], BaseException]


class HandedOut:
    """
    What the room `alchemy` has of a connection.

    Attributes:
        raw: The connection of asyncpg.
        keeper: What lives as long as it.
        opening: What must run before anything else.
        explain: What an error of it means.
        end: Why the function cannot succeed any more.
        failure: A statement that failed and was not taken back yet.
        has_ended: Whether the function is over.
    """

    def __init__(
        self, connection: Connection, name: str, explain: Explain, opening: str = ""
    ) -> None:
        self._name = name
        self.opening = opening
        self._began = perf_counter()
        self.raw = connection.raw
        self.keeper = connection
        self.explain = explain
        self.end: BaseException | None = None
        self.failure: BaseException | None = None
        self.has_ended = False

    def check(self, sql: str) -> None:
        """
        Look at a statement before it runs, or at the clock if it is empty.

        Raises:
            StatementRefused: A unit of work may not run it.

            StatementInterrupted: The function takes longer than a statement may.
        """
        if sql:
            translate(sql)
        if perf_counter() - self._began > STATEMENT_SECONDS_MAX:
            self.end = StatementInterrupted(
                f"{self._name}: interrupted after {STATEMENT_SECONDS_MAX:g} s. A function that is "
                "given to run(...) may take that long at most, because others wait for it. Cut "
                "the work into several units, and do what needs no database before."
            )
            raise self.end


def handing(
    explain: Explain, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[str, Callable[..., Coroutine[Any, Any, Any]]]:
    """
    A name for the call ``function(session, ...)``, and what makes it.

    Raises:
        ExtraMissing: SQLAlchemy is not installed.
    """
    try:
        from outgrow.store.alchemy import name_of, run_on_postgres  # noqa: PLC0415 - an extra
    except ModuleNotFoundError as error:
        raise ExtraMissing("sqlalchemy", "functions that take a session of SQLAlchemy") from error
    name = name_of(function)

    async def call(connection: Connection, opening: str = "") -> Any:
        access = HandedOut(connection, name, explain, opening)
        return await run_on_postgres(access, function, args, kwargs)

    return name, call


def be_ready() -> None:
    """Import now what the first unit would wait for, if the program uses SQLAlchemy."""
    if "sqlalchemy" in sys.modules:
        import outgrow.store.alchemy  # noqa: PLC0415, F401 - an extra
