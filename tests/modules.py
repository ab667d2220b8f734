"""Modules that a test has written and imported, forgotten again."""

from __future__ import annotations

import sys
from pathlib import Path


def forget_modules(folder: Path) -> None:
    """
    Let the next import of what lies below *folder* read it anew.

    What else was imported meanwhile stays: a library that is imported twice has each of its classes
    twice, and one of them does not catch the other.
    """
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        paths = [file] if file else list(getattr(module, "__path__", ()))
        if any(Path(path).is_relative_to(folder) for path in paths):
            del sys.modules[name]
