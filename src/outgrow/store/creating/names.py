"""What the database and the role of a service are called."""

from __future__ import annotations

import hashlib
from typing import Final

NAME_BYTES_MAX: Final = 63
"""PostgreSQL cuts what is longer, and does not say so."""

DIGITS: Final = 8


def database_name(application: str, service: str) -> str:
    """The name of the database and of the role; one that would be too long ends in its hash."""
    name = f"{application}_{service}"
    if len(name.encode()) <= NAME_BYTES_MAX:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:DIGITS]
    return f"{name[: NAME_BYTES_MAX - DIGITS - 1]}_{digest}"
