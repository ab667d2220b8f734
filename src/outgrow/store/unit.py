"""What a unit of work is, whatever database it runs on."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Awaitable, Callable, Coroutine
from copy import copy
from functools import lru_cache
from typing import Any

from outgrow.context import Context, current, enter, leave
from outgrow.errors import StatementRefused
from outgrow.store.database import Unit
from outgrow.store.driver import Course
from outgrow.store.session import Dialect, Row, Rows
from outgrow.store.transaction import Outbox, Transaction


class UnitOfWork(Course):
    """
    One unit of work; a backend's are also what their transactions run their statements on.

    Attributes:
        result: What the unit returned, once it has.
        transaction: What the unit was handed.
    """

    def __init__(
        self, outbox: Outbox | None, unit: Unit, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        super().__init__()
        self._outbox = outbox
        self._unit = unit
        self._args = args
        self._kwargs = kwargs
        self._not_awaited = 0
        self._has_said = False
        self.result: Any = None
        self.transaction = Transaction(self, outbox)

    @property
    @abstractmethod
    def dialect(self) -> Dialect:
        """Which database it is."""

    def begin_again(self) -> None:
        """Forget a run that was rolled back."""
        self.poison = None
        self._not_awaited = 0
        self._has_said = False
        self.transaction = Transaction(self, self._outbox)

    @property
    def name(self) -> str:
        """The unit's name, for messages."""
        return getattr(self._unit, "__qualname__", repr(self._unit))

    def effect(self) -> Coroutine[Any, Any, None]:
        """Do what the unit does."""
        outside = current(None)
        return self._effect() if outside is None else self._effect_within(outside)

    @abstractmethod
    def change(self, sql: str, parameters: dict[str, Any]) -> Awaitable[int]:
        """Run a statement of the user's; how many rows it changed."""

    @abstractmethod
    def fetch(self, sql: str, parameters: dict[str, Any]) -> Awaitable[Rows]:
        """Run a statement of the user's and take all its rows."""

    @abstractmethod
    def own(self, sql: str, parameters: Row) -> Awaitable[list[Row]]:
        """Run a statement of outgrow's, which is not guarded."""

    @abstractmethod
    def run(
        self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Awaitable[Any]:
        """Call *function* with a session of SQLAlchemy, and these arguments."""

    async def add(self, table: str, columns: tuple[str, ...], rows: list[Row]) -> None:
        """Add rows to a table of outgrow's, in their order."""
        insert = insert_into(table, columns)
        for row in rows:
            await self.own(insert, row)

    async def conclude(self, insert: str, row: Row) -> bool:
        """Run an insert of outgrow's as the unit's last statement; whether it returned a row."""
        return bool(await self.own(insert, row))

    @abstractmethod
    async def undo(self) -> None:
        """Take back what the unit of work did so far."""

    async def _effect_within(self, outside: Context) -> None:
        inside = copy(outside)
        inside.transaction = self.transaction
        token = enter(inside)
        try:
            await self._effect()
        finally:
            leave(token)

    async def _effect(self) -> None:
        transaction = self.transaction
        self.result = await self._unit(transaction, *self._args, **self._kwargs)
        if self._not_awaited and self.poison is None:
            message = (
                f"{self.name}: {self._not_awaited} of its statements were not awaited, so they did "
                "not run. Write await tx.execute(...)."
            )
            raise StatementRefused(message)
        if transaction.entries and self.poison is None and not self._has_said:
            await self._say(transaction)

    async def _say(self, transaction: Transaction) -> None:
        """Write what was recorded and sent, as the last thing that the unit does."""
        assert self._outbox is not None
        await self._outbox.append(transaction, transaction.entries)


@lru_cache(maxsize=64)
def insert_into(table: str, columns: tuple[str, ...]) -> str:
    """The statement that adds one row."""
    marks = ", ".join("?" * len(columns))
    return f"insert into {table} ({', '.join(columns)}) values ({marks})"  # noqa: S608 - outgrow's
