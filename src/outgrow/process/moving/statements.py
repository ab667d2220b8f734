"""The statements of services that tests have run, kept to be tried on another database."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import msgspec

from outgrow.errors import MoveRefused

FOLDER: Final = "statements"
STATEMENTS_MAX: Final = 10_000
"""Of one service; further ones are not kept."""

STATEMENT_CHARACTERS_MAX: Final = 20_000


def statements_path(state: Path, service: str) -> Path:
    """Where the statements of *service* are kept, below the state folder."""
    return state / FOLDER / f"{service}.json"


def noted_statements(path: Path) -> list[str]:
    """
    The statements that were kept at *path*; none if no test was run.

    Raises:
        MoveRefused: They cannot be read.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=list[str])
    except FileNotFoundError:
        return []
    except (OSError, msgspec.DecodeError) as error:
        message = f"it cannot be read: {error}. Delete it, and run the tests again."
        raise MoveRefused(str(path), message) from error


def note_statements(path: Path, statements: Iterable[str]) -> None:
    """Add *statements* to those that are kept at *path*, each once."""
    known = set(noted_statements(path))
    new = {one for one in statements if len(one) <= STATEMENT_CHARACTERS_MAX} - known
    if not new:
        return
    kept = sorted([*known, *sorted(new)[: STATEMENTS_MAX - len(known)]])
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    draft.write_bytes(msgspec.json.format(msgspec.json.encode(kept)))
    draft.replace(path)
