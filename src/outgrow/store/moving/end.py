"""The seam of a move: one end of it, which rows are read from or written to."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Mapping
from typing import NamedTuple

from outgrow.store.session import Row

ROWS_PER_BATCH = 500
"""So that a batch of the largest events still fits into memory."""

FRAMEWORK = "outgrow_"
META = "outgrow_meta"
MIGRATIONS = "outgrow_migrations"
JOURNAL = "outgrow_journal"
KEPT_APART = (META, MIGRATIONS)
"""What the opening of the target writes itself."""


class Table(NamedTuple):
    """
    A table as one end has it.

    Attributes:
        name: As it is written there.
        columns: The kind of each column that is written, by its name; see `values`.
        counter: The column that the database counts up, if there is one.
    """

    name: str
    columns: dict[str, str]
    counter: str | None


class Given(NamedTuple):
    """
    How far a sequence is.

    Attributes:
        last: The number it gave last, or gives next.
        is_given: Whether that was given.
    """

    last: int
    is_given: bool


class End(ABC):
    """
    One end of a move, on a connection of its own that nobody else uses.

    Values of rows are what SQLite keeps: None, int, float, str and bytes. An end keeps other types
    by the kinds of its columns, and reads them back as `rows.adapt` writes them.

    Attributes:
        place: Where it is, without a password.
        is_ordered: Whether numbers that a counter gave are committed in their order.
    """

    place: str
    is_ordered: bool

    @abstractmethod
    async def meta(self) -> dict[str, str] | None:
        """What it says of itself; None if there is no store."""

    @abstractmethod
    async def note(self, notes: Mapping[str, str | None]) -> None:
        """Change what it says of itself, in one commit; None takes a note away."""

    @abstractmethod
    async def migrations(self) -> list[tuple[int, str]]:
        """Number and name, without the dialect, of the migrations that were applied."""

    @abstractmethod
    async def tables(self) -> list[Table]:
        """Its tables, by their names; without `KEPT_APART`."""

    @abstractmethod
    async def count(self, table: Table, beyond: int | None = None) -> int:
        """How many rows *table* has; beyond that value of its counter if one is given."""

    @abstractmethod
    async def bounds(self, table: Table) -> tuple[int, int]:
        """The least and the greatest value of the counter; (0, 0) if there is no row."""

    @abstractmethod
    def rows(
        self, table: Table, columns: list[str], bounds: tuple[int, int] | None = None
    ) -> AsyncIterator[list[Row]]:
        """
        The rows of *table* in batches, as they are at one moment.

        Args:
            columns: Which columns, in this order.
            bounds: Only rows whose counter is greater than the first and not than the second; in
                the order of the counter.
        """

    @abstractmethod
    async def counted(self, table: Table) -> int:
        """The greatest value that the counter has ever had; rows may be gone that had it."""

    async def sequences(self) -> dict[str, Given]:
        """How far each sequence is: by table and column that it counts for, else by its name."""
        return {}

    @abstractmethod
    async def hold(self) -> None:
        """Let nobody else write from now on, until `switch`, `let_go`, or the connection ends."""

    @abstractmethod
    async def switch(self, notes: Mapping[str, str | None], refusal: str) -> None:
        """Of what is held: note it, and let every write fail with *refusal*; in one commit."""

    @abstractmethod
    async def let_go(self) -> None:
        """Let others write again, if it is held."""

    @abstractmethod
    async def begin_writing(self) -> None:
        """Put aside, durably, what would hinder the copying: foreign keys and triggers."""

    @abstractmethod
    async def write(self, table: Table, columns: list[str], rows: list[Row]) -> None:
        """
        Add *rows*.

        Raises:
            MoveRefused: A value cannot be kept there.
        """

    @abstractmethod
    async def remove(self, table: Table, up_to: int | None = None) -> None:
        """Remove all rows of *table*, or those whose counter is not greater than *up_to*."""

    @abstractmethod
    async def finish_writing(
        self, counted: Mapping[str, int], sequences: Mapping[str, Given] | None = None
    ) -> None:
        """
        Put back what was put aside, and let the counters go on behind *counted*, by table.

        Those of *sequences* go on exactly where they were; views that keep rows are filled.

        Raises:
            MoveRefused: The rows break a foreign key.
        """

    @abstractmethod
    async def destroy(self) -> None:
        """Remove the store with all its tables."""

    @abstractmethod
    async def allow_writes(self) -> None:
        """Take back that every write fails."""

    @abstractmethod
    async def refusal_of(self, statement: str) -> str | None:
        """Why the database would not prepare a statement of the service's; None if it would."""

    @abstractmethod
    async def close(self) -> None:
        """End the connection; what was not committed has not happened."""
