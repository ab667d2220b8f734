"""What ``outgrow.toml`` says, as plain data."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """
    A host and port to listen on.

    Attributes:
        host: A name or address.
        port: 0 lets the system choose.
    """

    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach it."""
        return self.host in ("localhost", "::1") or self.host.startswith("127.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """
    The wish: which services there are and where they should live.

    Attributes:
        file: The topology file.
        application: The application's name.
        services: Dotted package of each service by its short name, in the order of the file.
        http: Where the application answers HTTP; None if it does not.
        settings: What the file says in ``[settings.<service>]``, by service.
    """

    file: Path
    application: str
    services: dict[str, str]
    http: Address | None
    settings: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        """The folder of the file: services are imported from it, and state is kept below it."""
        return self.file.parent
