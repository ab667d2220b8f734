"""Which endpoint a path leads to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Route:
    """A path and its endpoint."""

    path: str
    endpoint: Any
