"""The seam between a caller's client and the process that hosts the service."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from outgrow.contracts import Method

Invoke = Callable[..., Awaitable[Any]]
"""
Execute a method: ``await invoke(context, *arguments)``.

The context is the callee's, made by the caller's side: its deadline is absolute on the caller's
clock. Raises the problems that the method declares, and `CallError`; nothing else.
"""


class Transport(Protocol):
    """How calls reach the process that hosts a service. Moves bytes or references, nothing more."""

    def bind(self, method: Method) -> Invoke:
        """What executes *method* on the other side. Bound once and called often."""

    async def close(self) -> None:
        """Let go of connections. Calls still going on are cancelled."""
