"""The seam between a store and what keeps its rows."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from outgrow.store.transaction import Snapshot, Transaction

Row = tuple[Any, ...]
Rows = tuple[tuple[str, ...], list[Row]]
"""Names of the columns, and the rows."""

Unit = Callable[..., Awaitable[Any]]
"""What a user writes: ``async def unit(tx, ...)``."""


class Reading(Protocol):
    """What a snapshot runs its statements on."""

    def fetch(self, sql: str, parameters: dict[str, Any]) -> Awaitable[Rows]:
        """Run a statement of the user's and take all its rows."""

    def own(self, sql: str, parameters: Row) -> Awaitable[list[Row]]:
        """Run a statement of outgrow's, which is not guarded."""


class Session(Reading, Protocol):
    """What a transaction runs its statements on; all of them wait for nothing but the database."""

    def change(self, sql: str, parameters: dict[str, Any]) -> Awaitable[int]:
        """Run a statement of the user's; how many rows it changed."""

    async def undo(self) -> None:
        """Take back what the unit of work did so far."""

    def check(self) -> None:
        """Raise if the unit of work is over, lost, or not the one that asks."""


class Database(Protocol):
    """
    One service's database.

    A unit of work runs in its caller's task and waits for its transaction only.
    """

    async def submit(
        self, unit: Unit, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Awaitable[Any]:
        """
        Run *unit* in a transaction as soon as it may, and return an awaitable for its commit.

        A unit that raises is rolled back alone, and what it raised comes out here.
        """

    def joined(self) -> Transaction | None:
        """The transaction that the code which is running now is inside of, if any."""

    def snapshot(self) -> AbstractAsyncContextManager[Snapshot]:
        """A view of the rows as they are at its first statement."""

    def statistics(self) -> dict[str, float]:
        """Counts since the opening, and limits; by names that end in their unit."""

    async def close(self) -> None:
        """Commit what has begun, and let go of the database."""


class Outbox(Protocol):
    """Where events and commands go that a transaction records; the journal is one."""

    def event(self, event: Any) -> Any:
        """The entry for *event*; raises if it may not be recorded."""

    def command(
        self, method: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """The entry for a call of *method* after the commit; raises if it may not be sent."""

    async def append(self, transaction: Transaction, entries: list[Any]) -> None:
        """Write *entries*; called once a unit, last, if there are any."""
