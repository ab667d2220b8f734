"""The file in which a move notes how far it has come."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

import msgspec

from outgrow.errors import MoveRefused

Step = Literal["preparing", "copying", "switched", "finished"]


class TableMoved(msgspec.Struct, frozen=True, kw_only=True):
    """
    A table that was copied and compared.

    Attributes:
        checksum: Of its rows, in whatever order; the same at both ends.
    """

    name: str
    rows: int
    checksum: str


class Moving(msgspec.Struct, kw_only=True):
    """
    A move, as far as it has come.

    Attributes:
        move: Its id.
        source: Where the store is, without a password.
        target: Where it goes, without a password.
        setting: What is to be written into outgrow.toml.
        old_setting: What stands there now.
        secrets: Both with their passwords, the old one first; nobody else may read the file.
        step: What is done.
        is_target_ours: Whether there was no store at the target before.
        began_at: When the move was first asked for.
        rows_ahead: Rows of the journal that were copied while the service went on.
        pause_seconds: How long no unit of work could begin.
        tables: What was copied.
    """

    move: str
    application: str
    service: str
    source: str
    target: str
    setting: str
    old_setting: str
    secrets: tuple[str, str]
    began_at: str
    step: Step = "preparing"
    is_target_ours: bool = False
    rows_ahead: int = 0
    pause_seconds: float | None = None
    tables: list[TableMoved] = []


class StateFile:
    """The file at *path*; it is there as long as a move is not confirmed or given up."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> Moving | None:
        """
        What it says; None if there is no file.

        Raises:
            MoveRefused: It cannot be read.
        """
        try:
            return msgspec.json.decode(self.path.read_bytes(), type=Moving)
        except FileNotFoundError:
            return None
        except (OSError, msgspec.DecodeError) as error:
            message = (
                f"it cannot be read: {error}. Both stores know of the move; delete the file, and "
                "ask for the same move again."
            )
            raise MoveRefused(str(self.path), message) from error

    def write(self, moving: Moving) -> None:
        """Replace it, so that it is whole and on the disk on return."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        draft = self.path.with_suffix(".draft")
        draft.unlink(missing_ok=True)
        opened = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(opened, "wb") as file:  # noqa: PTH123 - a descriptor has no path
            file.write(msgspec.json.format(msgspec.json.encode(moving)))
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self.path)
        self._sync_folder()

    def remove(self) -> None:
        """Remove it; the move is over."""
        self.path.unlink(missing_ok=True)
        self._sync_folder()

    def _sync_folder(self) -> None:
        folder = os.open(self.path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
