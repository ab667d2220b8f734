"""The seam between who looks for a service and what knows where it is."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Final, Protocol

import msgspec

WEIGHT_DEFAULT: Final = 100
"""The weight of an endpoint that says nothing of it."""


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """
    One process that answers for one service.

    Attributes:
        service: Short name of the service.
        address: Where it is called: ``unix:<path>`` or ``<host>:<port>``.
        process: The name of the process in its topology; replicas share it.
        instance: Which run of which replica it is; another one after each start.
        version: The version of the application that runs there; empty if it says none.
        weight: Its share of the calls, beside those of the others; 0 gets none.
        is_ready: Whether it can do its work now, by its own account.
    """

    service: str
    address: str
    process: str
    instance: str
    version: str = ""
    weight: int = WEIGHT_DEFAULT
    is_ready: bool = True


class Resolution(msgspec.Struct, frozen=True, kw_only=True):
    """
    What a directory says of one service.

    Attributes:
        endpoints: All that there are, ordered by their instances.
        is_stale: Whether the directory could not be asked, and this is its last good answer.
    """

    endpoints: tuple[Endpoint, ...] = ()
    is_stale: bool = False


class Directory(Protocol):
    """
    Knows which processes answer for which services.

    What a process has registered is known as long as it renews its lease; one that dies is
    forgotten after the lease. Nothing here raises because the directory is away: who asks gets its
    last good answer, marked stale, and what is to be registered is as soon as it is back.
    """

    async def register(self, endpoints: Sequence[Endpoint]) -> None:
        """Let these be found, under one lease, instead of what this process registered before."""

    async def renew(self) -> None:
        """Keep the lease. To be called more often than it lasts; see the backend's limit."""

    async def resolve(self, service: str) -> Resolution:
        """Where *service* is; waits for a first answer, and no longer than a second."""

    def watch(self, service: str) -> AsyncIterator[Resolution]:
        """Where *service* is, now and whenever that changes, without end."""

    async def leave(self) -> None:
        """Let nothing of this process be found any more; its lease ends."""
