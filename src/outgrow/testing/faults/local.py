"""Faults in a world of one process."""

from __future__ import annotations

from collections.abc import Callable, Collection

from outgrow.calls import Transport
from outgrow.testing.faults.calls import Book
from outgrow.testing.faults.proxy import Proxies, Proxy
from outgrow.testing.faults.wishes import OUTSIDE, Fault, Throw

Connect = Callable[[str], Transport]
"""Makes a transport to the same services by another address."""


class Local:
    """
    Faults where all services are in one process.

    Where calls are bytes, each lane with a fault of bytes has a proxy and a connection of its own
    from then on: calls that began before are not touched by it.

    Attributes:
        book: What is wrong now.
    """

    def __init__(self, services: Collection[str], *, has_bytes: bool) -> None:
        self.book = Book(maps_bytes=not has_bytes)
        self._services = services
        self._address = ""
        self._connect: Connect | None = None
        self._proxies: Proxies | None = None
        self._detours: dict[tuple[str, str], tuple[Transport, Proxy]] = {}

    def offer(self, address: str, connect: Connect) -> None:
        """Let faults of bytes happen on the way to *address*."""
        self._address, self._connect = address, connect

    def names(self) -> set[str]:
        return {*self._services, OUTSIDE}

    async def begin(self, caller: str, callee: str, fault: Fault, seed: str) -> None:
        lane = self.book.begin(caller, callee, fault, seed)
        if fault.of_bytes and self._connect is not None:
            self._proxies = self._proxies or Proxies()
            if (caller, callee) not in self._detours:
                proxy = await self._proxies.add(self._address)
                self._detours[caller, callee] = self._connect(proxy.address), proxy
            lane.transport, proxy = self._detours[caller, callee]
            await self._proxies.begin(proxy, fault)

    async def end(self, caller: str, callee: str) -> list[Throw]:
        lane = self.book.end(caller, callee)
        if lane.transport is not None and self._proxies is not None:
            await self._proxies.heal(self._detours[caller, callee][1])
        return lane.dice.thrown

    async def close(self) -> None:
        """Let go of what faults of bytes needed."""
        for transport, _ in self._detours.values():
            await transport.close()
        self._detours.clear()
        if self._proxies is not None:
            await self._proxies.close()
            self._proxies = None
