"""What stands beside a backup: whose it is, and how to see that it is whole."""

from __future__ import annotations

import hashlib
import os
from datetime import datetime
from pathlib import Path
from typing import Any, Self

import msgspec

from outgrow.errors import StoreRefused, StoreUnreadable, StoreUnwritable

FORMAT = 1


class Backup(msgspec.Struct, frozen=True, kw_only=True):
    """
    What is kept as JSON beside the file of a backup.

    Attributes:
        application: Whose it is.
        service: Whose it is.
        kind: What made the file: ``sqlite`` or ``pg_dump``.
        made_at: When it was begun; later units of work are not in it.
        journal_position: The last position that the journal had given.
        migrations: How many of the service's migrations had been applied.
        bytes: How large the file is.
        sha256: Of the file.
        format: Of this note.
    """

    application: str
    service: str
    kind: str
    made_at: datetime
    journal_position: int
    migrations: int
    bytes: int
    sha256: str
    format: int = FORMAT

    @classmethod
    def of(cls, file: Path, **known: Any) -> Self:
        """What *file* is; the rest is *known*."""
        return cls(**known, bytes=file.stat().st_size, sha256=fingerprint(file))


def note_of(file: Path) -> Path:
    """Where the note of the backup *file* stands."""
    return file.with_name(f"{file.name}.json")


def write_note(file: Path, backup: Backup) -> None:
    """
    Write the note of the backup *file*, so that it outlasts a loss of power.

    Raises:
        StoreUnwritable: It cannot be written.
    """
    path = note_of(file)
    text = msgspec.json.format(msgspec.json.encode(backup), indent=2)
    try:
        with path.open("wb") as opened:
            opened.write(text + b"\n")
            opened.flush()
            os.fsync(opened.fileno())
    except OSError as error:
        raise StoreUnwritable(str(path), f"it cannot be written: {error}.") from error


def read_note(file: Path) -> Backup:
    """
    The note of the backup *file*, which must be what the note says.

    Raises:
        StoreRefused: The file or its note is missing.

        StoreUnreadable: One of them is damaged or cut off, or something newer wrote it.
    """
    path = note_of(file)
    for one in (file, path):
        if not one.is_file():
            message = (
                "there is no such file. A backup is a file that 'outgrow store backup' made, with "
                "its note beside it: keep both together."
            )
            raise StoreRefused(str(one), message)
    try:
        backup = msgspec.json.decode(path.read_bytes(), type=Backup)
    except (msgspec.DecodeError, OSError) as error:
        raise StoreUnreadable(str(path), f"it is no note of a backup: {error}.") from error
    if backup.format != FORMAT:
        message = f"it has format {backup.format}; this outgrow knows {FORMAT}. Use a newer one."
        raise StoreUnreadable(str(path), message)
    if (found := fingerprint(file)) != backup.sha256:
        message = (
            f"it is not what was backed up: its SHA-256 is {found}, and {path.name} says "
            f"{backup.sha256}. It was damaged, cut off or changed; use another backup."
        )
        raise StoreUnreadable(str(file), message)
    return backup


def fingerprint(file: Path) -> str:
    """The SHA-256 of *file*."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
