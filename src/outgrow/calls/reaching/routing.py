"""Each call to where its service is: this process, or another."""

from __future__ import annotations

from collections.abc import Callable

from outgrow.calls.transport import Invoke, Transport
from outgrow.contracts import Method


class Routed:
    """
    Carries each call to the process that hosts its service: this one, or another.

    Args:
        local: Reaches the services of this process.
        hosted: The services of this process.
        remote: Gives the transport to any other service; asked once for each.
    """

    def __init__(
        self, local: Transport, hosted: frozenset[str], remote: Callable[[str], Transport]
    ) -> None:
        self._local = local
        self._hosted = hosted
        self._remote = remote
        self._transports: dict[str, Transport] = {}

    def bind(self, method: Method) -> Invoke:
        """What executes *method*, wherever its service is."""
        if method.service in self._hosted:
            return self._local.bind(method)
        transport = self._transports.get(method.service)
        if transport is None:
            transport = self._transports[method.service] = self._remote(method.service)
        return transport.bind(method)

    async def close(self) -> None:
        """Let go of all connections."""
        for transport in {id(t): t for t in self._transports.values()}.values():
            await transport.close()
        await self._local.close()
