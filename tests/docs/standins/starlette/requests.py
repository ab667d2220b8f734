"""What an endpoint is given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Request:
    """A request for one route."""

    app: Any
    path_params: dict[str, str]
