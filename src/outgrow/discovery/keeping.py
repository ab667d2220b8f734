"""Keeps what a process offers in the directory, as long as it offers it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Iterable
from contextlib import asynccontextmanager
from typing import Final

import msgspec

from outgrow.clock import SystemClock
from outgrow.discovery.directory import Directory, Endpoint

RENEW_SECONDS: Final = 2.0
"""How often a process says that it is there; two of these may get lost within a lease."""


class Keeper:
    """
    Keeps the endpoints of one process in a directory, and says which of them are not ready.

    Args:
        endpoints: All that the process offers.
        seconds: The pause between renewals, by the machine's time: leases run out by that.
    """

    def __init__(self, directory: Directory, endpoints: Iterable[Endpoint], seconds: float) -> None:
        self._directory = directory
        self._endpoints = tuple(endpoints)
        self._seconds = seconds
        self._unready: frozenset[str] = frozenset()
        self._has_left = False

    async def enter(self) -> None:
        """Let all be found, those that are not ready as such."""
        told = [
            msgspec.structs.replace(one, is_ready=one.service not in self._unready)
            for one in self._endpoints
        ]
        await self._directory.register(told)

    async def set_unready(self, services: Collection[str]) -> None:
        """Let it be known that these services are not ready here, and all others are."""
        unready = frozenset(services)
        if unready != self._unready and not self._has_left:
            self._unready = unready
            await self.enter()

    async def leave(self) -> None:
        """Let nothing be found here any more; no new calls come when the callers know it."""
        if not self._has_left:
            self._has_left = True
            await self._directory.leave()

    async def run(self) -> None:
        """Renew the lease until cancelled."""
        clock = SystemClock()
        while True:
            await clock.sleep(self._seconds)
            if not self._has_left:
                await self._directory.renew()


@asynccontextmanager
async def keeping(
    directory: Directory, endpoints: Iterable[Endpoint], *, seconds: float = RENEW_SECONDS
) -> AsyncIterator[Keeper]:
    """
    Let *endpoints* be found until the end of the block, or until they leave before that.

    Args:
        seconds: The pause between renewals of their lease.
    """
    keeper = Keeper(directory, endpoints, seconds)
    failure: Exception | None = None
    async with asyncio.TaskGroup() as tasks:
        renewing = tasks.create_task(keeper.run())
        try:
            await keeper.enter()
            yield keeper
        except Exception as error:  # noqa: BLE001 - raised below: a group would wrap it
            failure = error
        finally:
            await keeper.leave()
            renewing.cancel()
    if failure is not None:
        raise failure
