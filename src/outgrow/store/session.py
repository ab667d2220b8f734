"""What transactions and snapshots run their statements on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Literal, Protocol

Dialect = Literal["sqlite", "postgresql"]

Row = tuple[Any, ...]
Rows = tuple[tuple[str, ...], list[Row]]
"""Names of the columns, and the rows."""


class Reading(Protocol):
    """What a snapshot runs its statements on."""

    @property
    def dialect(self) -> Dialect:
        """Which database it is."""

    def fetch(self, sql: str, parameters: dict[str, Any]) -> Awaitable[Rows]:
        """Run a statement of the user's and take all its rows."""

    def own(self, sql: str, parameters: Row) -> Awaitable[list[Row]]:
        """Run a statement of outgrow's, which is not guarded."""

    def run(
        self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Awaitable[Any]:
        """Call *function* with a session of SQLAlchemy, and these arguments."""


class Session(Reading, Protocol):
    """
    What a transaction runs its statements on; all of them wait for nothing but the database.

    Attributes:
        is_running: Whether the code that runs now is the unit of work's.
    """

    is_running: bool

    def change(self, sql: str, parameters: dict[str, Any]) -> Awaitable[int]:
        """Run a statement of the user's; how many rows it changed."""

    def add(self, table: str, columns: tuple[str, ...], rows: list[Row]) -> Awaitable[None]:
        """Add rows to a table of outgrow's, in their order."""

    def conclude(self, insert: str, row: Row) -> Awaitable[bool]:
        """Run an insert of outgrow's as the unit's last statement; whether it returned a row."""

    async def undo(self) -> None:
        """Take back what the unit of work did so far."""

    def check(self) -> None:
        """Raise if the unit of work is over, lost, or not the one that asks."""
