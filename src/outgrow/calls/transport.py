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

Of a method whose reply is a stream it returns the stream at once instead: an asynchronous iterator
with ``aclose``. The call begins when the first item is asked for, and each item is asked for by
itself, so that a slow reader holds the other side up. A parameter that is a stream is given as an
asynchronous iterator too; it is asked for items only while the call goes on, and closed at its end.
"""


class Transport(Protocol):
    """How calls reach the process that hosts a service. Moves bytes or references, nothing more."""

    def bind(self, method: Method) -> Invoke:
        """What executes *method* on the other side. Bound once and called often."""

    async def close(self) -> None:
        """Let go of connections. Calls still going on are cancelled."""
