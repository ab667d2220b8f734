"""The connections of one process to the others: one for each address, whoever shares it."""

from __future__ import annotations

from collections.abc import Callable

from outgrow.calls import Invoke, Transport
from outgrow.contracts import Method
from outgrow.discovery import Endpoint


class Connections:
    """
    Gives each endpoint the connection to its address; services of one process share it.

    Args:
        make: Makes the connection to the address of an endpoint.
    """

    def __init__(self, make: Callable[[Endpoint], Transport]) -> None:
        self._make = make
        self._open: dict[str, tuple[Transport, int]] = {}

    def connect(self, endpoint: Endpoint) -> Transport:
        """A transport to *endpoint*; the connection is closed with the last that shares it."""
        transport, shares = self._open.get(endpoint.address) or (self._make(endpoint), 0)
        self._open[endpoint.address] = (transport, shares + 1)
        return _Share(transport, lambda: self._release(endpoint.address))

    def _release(self, address: str) -> bool:
        """Give one share back; whether it was the last."""
        transport, shares = self._open.pop(address)
        if shares > 1:
            self._open[address] = (transport, shares - 1)
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
