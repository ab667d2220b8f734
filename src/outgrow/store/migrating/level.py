"""How far the tables of a service are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from outgrow.errors import MigrationFailed, StoreUnreadable
from outgrow.store.migrating.files import Migration


class Applied(NamedTuple):
    """A row of ``outgrow_migrations``."""

    number: int
    name: str
    checksum: str


class Level(NamedTuple):
    """
    The migrations of one service, by the names of their files.

    Attributes:
        applied: What the store has.
        pending: What the next start applies.
        changed: Applied, and changed since then; no start is possible.
        unknown: Applied by a newer version of the service; no start of this one is possible.
    """

    applied: list[str]
    pending: list[str]
    changed: list[str]
    unknown: list[str]


def level_of(applied: Iterable[Applied], migrations: Sequence[Migration]) -> Level:
    """How far a store is that has *applied*, for a service that has *migrations*."""
    rows = sorted(applied)
    return Level(
        applied=[row.name for row in rows],
        pending=[migration.path.name for migration in migrations[len(rows) :]],
        changed=[
            row.name
            for row in rows
            if row.number <= len(migrations) and migrations[row.number - 1].checksum != row.checksum
        ],
        unknown=[row.name for row in rows if row.number > len(migrations)],
    )


def pending_of(
    place: str, applied: Iterable[Applied], migrations: Sequence[Migration]
) -> Sequence[Migration]:
    """
    What must still be applied to the store at *place*.

    Raises:
        StoreUnreadable: A newer version of the service was there.

        MigrationFailed: A file was changed after it had been applied.
    """
    rows = sorted(applied)
    for row in rows:
        if row.number > len(migrations):
            message = (
                f"migration {row.name!r} was applied to it, which this version of the service "
                "does not have: a newer one opened it. Run that one."
            )
            raise StoreUnreadable(place, message)
        migration = migrations[row.number - 1]
        if migration.checksum != row.checksum:
            message = (
                f"it was changed after it had been applied to {place}. "
                "Restore it, and put the change into a new migration."
            )
            raise MigrationFailed(str(migration.path), message)
    return migrations[len(rows) :]
