"""The seam between a store and what keeps its rows."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from contextlib import AbstractAsyncContextManager
from typing import Any, ClassVar, Protocol

from outgrow.store.session import Dialect
from outgrow.store.transaction import Snapshot, Transaction

Unit = Callable[..., Awaitable[Any]]
"""What a user writes: ``async def unit(tx, ...)``."""


class Others(Protocol):
    """
    The other processes that have the database open.

    Attributes:
        key: While it is not 0, this process holds an advisory lock of that number, which the
            database takes back when the process dies.
    """

    key: int

    @property
    def channel(self) -> str:
        """Where in PostgreSQL they are told."""

    def tell(self, topics: Collection[str]) -> None:
        """Let them know soon that something concerning *topics* was committed; none means all."""

    async def run(self, hear: Callable[[frozenset[str]], object]) -> None:
        """Tell and hear until cancelled; *hear* is called with topics, of which none means all."""


class Database(Protocol):
    """
    One service's database.

    A unit of work runs in its caller's task and waits for its transaction only.

    Attributes:
        dialect: Which database it is. PostgreSQL may be open in several processes at once; then
            positions are committed out of their order.
        others: The other processes that may have it open; None if there can be none.
    """

    dialect: ClassVar[Dialect]
    others: Others | None

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
