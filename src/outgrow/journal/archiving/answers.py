"""What those are told who archive, delete and put back."""

from __future__ import annotations

import msgspec


class Archived(msgspec.Struct, frozen=True, kw_only=True):
    """
    What one call has archived.

    Attributes:
        file: Where; None if there was nothing to archive.
        is_all: Whether nothing is left that is old enough.
    """

    file: str | None
    rows: int
    first: int
    last: int
    is_all: bool


class Deleted(msgspec.Struct, frozen=True, kw_only=True):
    """
    What one call has deleted.

    Attributes:
        up_to: Up to where rows are deleted now.
        is_all: Whether nothing is left that may be deleted.
        held_up: What is archived and has to stay, because these have not read it yet.
    """

    rows: int
    up_to: int
    is_all: bool
    held_up: list[str]


class Restored(msgspec.Struct, frozen=True, kw_only=True):
    """
    What one call has put back.

    Attributes:
        rows: How many were missing.
        read: How many rows the files hold.
    """

    files: int
    rows: int
    read: int
