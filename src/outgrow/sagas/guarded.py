"""Records that sagas share: who holds one, and whether it is still what was read."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final, NamedTuple

from outgrow.contracts import Record
from outgrow.journal import time_of, time_text
from outgrow.store import Snapshot, Store, Transaction

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class Holder(NamedTuple):
    """
    Who holds a record.

    Attributes:
        by: A saga's id.
        since: When it began to.
    """

    by: str
    since: datetime


class Guarded:
    """
    A table whose records sagas may hold for longer than a transaction, or change only as read.

    Sagas are not isolated from each other: between two steps of one, others see and change what it
    has done. These are two of the countermeasures of Frank and Zahle, "Semantic ACID properties in
    multidatabases using remote procedure calls and update propagations" (1998); which anomaly
    each prevents is told in docs/explanation/sagas.md. Nothing enforces them: every command that
    may not meet a held record asks for its holder.

    The table has the columns ``held_by text`` and ``held_since text``, and for `advance`
    ``version integer not null``.

    Args:
        key: The column that names a record, as text.
    """

    def __init__(self, store: Store, table: str, *, key: str = "id") -> None:
        for name in (table, key):
            if not _NAME.fullmatch(name):
                raise ValueError(f"{name!r} is no name of a table or column")
        self._clock = store.clock
        where = f"where {key} = :record"
        self._hold = (
            f"update {table} set held_by = :by, held_since = coalesce(held_since, :since) "  # noqa: S608 - names
            f"{where} and (held_by is null or held_by = :by)"
        )
        self._release = (
            f"update {table} set held_by = null, held_since = null "  # noqa: S608 - names
            f"{where} and held_by = :by"
        )
        self._holder = f"select held_by, held_since from {table} {where}"  # noqa: S608 - names
        self._advance = f"update {table} set version = version + 1 {where} and version = :version"  # noqa: S608 - names

    async def hold(self, tx: Transaction, record: str, *, by: str) -> Holder | None:
        """
        Hold *record* until `release`, through all transactions until then: a semantic lock.

        The undo of the step that holds releases it, and so does the saga's last step.

        Args:
            by: The saga that holds it, its `Saga.id`. It may hold it already.

        Returns:
            Who holds it instead; None if it is held now.

        Raises:
            LookupError: There is no such record.
        """
        since = time_text(self._clock.now())
        if await tx.execute(self._hold, record=record, by=by, since=since):
            return None
        holder = await self.holder(tx, record)
        if holder is None:
            raise LookupError(f"there is no record {record!r} that could be held")
        return holder

    async def release(self, tx: Transaction, record: str, *, by: str) -> bool:
        """Let others hold *record*; false if *by* does not hold it, as if it was undone twice."""
        return bool(await tx.execute(self._release, record=record, by=by))

    async def holder(self, snapshot: Snapshot, record: str) -> Holder | None:
        """Who holds *record*; None if nobody does, or if there is none."""
        row = await snapshot.fetch_optional(_Row, self._holder, record=record)
        if row is None or row.held_by is None or row.held_since is None:
            return None
        return Holder(row.held_by, time_of(row.held_since))

    async def advance(self, tx: Transaction, record: str, *, version: int) -> bool:
        """
        Give *record* the next version, if it still has the one that was read.

        Returns:
            False if it was changed since, or is gone: what was decided then holds no more.
        """
        return bool(await tx.execute(self._advance, record=record, version=version))


class _Row(Record):
    held_by: str | None
    held_since: str | None
