"""Statements that tests run, noted for ``outgrow store move --check`` if a run was asked to."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from outgrow.process.moving import note_statements
from outgrow.store import Store

VARIABLE: Final = "OUTGROW_STATEMENTS"
"""Names the folder where they are noted; set by ``pytest --outgrow-statements``."""


def note(store: Store) -> None:
    """Note the statements that ran in *store*, which is still open, if the run was asked to."""
    folder = os.environ.get(VARIABLE)
    if folder:
        note_statements(Path(folder, f"{store.service}.json"), store.statements())
