"""A directory that was written down before anything was started, and does not change."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence

from outgrow.discovery.directory import Endpoint, Resolution


class StaticDirectory:
    """
    Knows what it was given. Registering changes nothing: addresses are chosen before the start.

    Args:
        endpoints: All that there are.
    """

    def __init__(self, endpoints: Iterable[Endpoint]) -> None:
        self._known: dict[str, list[Endpoint]] = {}
        for endpoint in endpoints:
            self._known.setdefault(endpoint.service, []).append(endpoint)
        for found in self._known.values():
            found.sort(key=lambda one: (one.instance, one.address))

    async def register(self, endpoints: Sequence[Endpoint]) -> None:
        """Nothing: whoever wrote the directory knows them."""

    async def renew(self) -> None:
        """Nothing: there is no lease."""

    async def resolve(self, service: str) -> Resolution:
        """What was written down of *service*."""
        return Resolution(endpoints=tuple(self._known.get(service, ())))

    async def watch(self, service: str) -> AsyncIterator[Resolution]:
        """What was written down of *service*, once; then nothing, without end."""
        yield await self.resolve(service)
        await asyncio.get_running_loop().create_future()

    async def leave(self) -> None:
        """Nothing: it stays written."""
