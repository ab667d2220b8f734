"""The connections of one process to the others, which services of one process share."""

from __future__ import annotations

from collections.abc import Callable

from outgrow.calls import Invoke, Transport
from outgrow.contracts import Method


class Connections:
    """
    Gives whoever calls a process at an address the connection to it.

    It is not shared with who expects another process there: a connection proves who answers when
    it is made, and a directory may say one address of two processes.

    Args:
        make: Makes the connection to an address, where a process must answer.
    """

    def __init__(self, make: Callable[[str, str], Transport]) -> None:
        self._make = make
        self._open: dict[tuple[str, str], tuple[Transport, int]] = {}

    def connect(self, address: str, process: str) -> Transport:
        """A transport to *process*; the connection is closed with the last that shares it."""
        key = (address, process)
        transport, shares = self._open.get(key) or (self._make(address, process), 0)
        self._open[key] = (transport, shares + 1)
        return _Share(transport, lambda: self._release(key))

    def _release(self, key: tuple[str, str]) -> bool:
        """Give one share back; whether it was the last."""
        transport, shares = self._open.pop(key)
        if shares > 1:
            self._open[key] = (transport, shares - 1)
        return shares == 1

    @property
    def count(self) -> int:
        """How many connections there are."""
        return len(self._open)


class _Share:
    """One endpoint's share of a connection."""

    def __init__(self, transport: Transport, release: Callable[[], bool]) -> None:
        self._transport = transport
        self._release: Callable[[], bool] | None = release

    def bind(self, method: Method) -> Invoke:
        """What executes *method* on the other side."""
        return self._transport.bind(method)

    async def close(self) -> None:
        """Let go of it; the last one closes it."""
        release, self._release = self._release, None
        if release is not None and release():
            await self._transport.close()
