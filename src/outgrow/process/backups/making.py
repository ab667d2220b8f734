"""Backing up a store, whether its service runs or not."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from outgrow.clock import Clock
from outgrow.errors import StoreRefused, StoreUnwritable
from outgrow.journal import JOURNAL_TABLE
from outgrow.process.backups.note import Backup, note_of, write_note
from outgrow.store.moving import refuse_moved
from outgrow.store.sqlite import copy_store

Tell = Callable[[int, int], None]
"""Told how much is done, and of how much."""


@contextmanager
def drafted(to: Path) -> Iterator[Path]:
    """
    Gives another name to what will be the backup *to*, until `finish` has named it.

    Raises:
        StoreRefused: There is such a file already, or it cannot be written.
    """
    for one in (to, note_of(to)):
        if one.exists():
            message = "there is such a file already. Name one that does not exist."
            raise StoreRefused(str(one), message)
    draft = to.with_name(f"{to.name}.part")
    try:
        to.parent.mkdir(parents=True, exist_ok=True)
        draft.unlink(missing_ok=True)  # One that was not finished.
        yield draft
    except BaseException as error:
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)
            if not to.exists():
                note_of(to).unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise StoreUnwritable(str(to), f"it cannot be written: {error}.") from error
        raise


def finish(draft: Path, to: Path, backup: Backup) -> None:
    """Note what *draft* is, and name it *to*: from here on there is a backup."""
    write_note(to, backup)
    draft.rename(to)
    folder = os.open(to.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def back_up(
    path: Path, to: Path, *, application: str, service: str, clock: Clock, tell: Tell
) -> Backup:
    """
    Copy the store in the file *path* to *to*, with a note beside it that says what it is.

    The copy is of one moment. It has its name only once it is whole, on the disk and noted.

    Args:
        path: The store, which may be in use.
        to: A file that does not exist.
        application: Whose store it must be.
        service: Whose store it must be.
        clock: Tells when it was made.
        tell: Told how many pages are done, and of how many.

    Raises:
        StoreRefused: Says why, such as a move that has left it; there is no backup then.
    """
    made_at = clock.now()
    with drafted(to) as draft:
        contents = copy_store(path, draft, application=application, service=service, tell=tell)
        refuse_moved(str(path), contents.meta)
        backup = Backup.of(
            draft,
            application=application,
            service=service,
            kind="sqlite",
            made_at=made_at,
            journal_position=contents.positions.get(JOURNAL_TABLE, 0),
            migrations=len(contents.migrations),
        )
        finish(draft, to, backup)
    return backup
