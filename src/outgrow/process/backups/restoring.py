"""Bringing a backup back, and who has heard what it does not know."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from outgrow.clock import Clock
from outgrow.errors import StoreOfAnother, StoreRefused
from outgrow.journal import JOURNAL_TABLE
from outgrow.process.backups.note import Backup, read_note
from outgrow.process.schemas import SCHEMAS
from outgrow.store.sqlite import Opening, bring_back


class Ahead(NamedTuple):
    """
    Who has heard events that the backup does not hold.

    Attributes:
        service: Whose it is.
        consumer: The handler.
        position: The last position of the restored journal that it has taken.
    """

    service: str
    consumer: str
    position: int


class Restored(NamedTuple):
    """
    What was restored.

    Attributes:
        backup: What its note says.
        aside: Where what was there before is kept, if there was something.
        ahead: Who has heard what is not in it.
        unknown: Services whose stores could not be asked, and why.
    """

    backup: Backup
    aside: Path | None
    ahead: list[Ahead]
    unknown: dict[str, str]


def read_backup(file: Path, kind: str, application: str, service: str) -> Backup:
    """
    The note of the backup *file*, which must be of *kind* and belong to *service*.

    Raises:
        StoreRefused: It is not what it should be.
    """
    backup = read_note(file)
    if (backup.application, backup.service) != (application, service):
        message = (
            f"it is of service {backup.service!r} of application {backup.application!r}, and "
            f"{service!r} of {application!r} is to be restored. Name another file."
        )
        raise StoreOfAnother(str(file), message)
    if backup.kind != kind:
        message = (
            f"it was made by {backup.kind}, and the store is kept by {kind} now. Restore it where "
            "such a store is, and move that: outgrow store move."
        )
        raise StoreRefused(str(file), message)
    return backup


def restore(
    path: Path,
    file: Path,
    *,
    application: str,
    service: str,
    clock: Clock,
    migrations: Path | None,
    heard: int,
) -> tuple[Backup, Path | None]:
    """
    Put the backup *file* in the place of the store in *path*, which nobody may have open.

    What is there is kept beside it. The journal goes on behind every position that it or anybody
    who listens to it knows, so that no event is taken for one that was heard before.

    Args:
        path: The store's file; it need not exist.
        file: What `back_up` made.
        application: Whose it must be.
        service: Whose it must be.
        clock: Names what is kept aside.
        migrations: The folder of the service's migrations.
        heard: The highest position of its journal that anybody has heard.

    Returns:
        What the backup is, and where what was there is kept, if something was.

    Raises:
        StoreRefused: Says why; nothing was changed.
    """
    backup = read_backup(file, "sqlite", application, service)
    aside = path.with_name(f"{path.name}.before-{clock.now():%Y%m%dT%H%M%S%fZ}")
    opening = Opening(
        path=path,
        application=application,
        service=service,
        clock=clock,
        schemas=SCHEMAS,
        migrations=migrations,
    )
    was_there = bring_back(opening, file, {JOURNAL_TABLE: heard}, aside)
    return backup, aside if was_there else None
