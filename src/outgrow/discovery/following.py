"""Who follows what a directory says of the services that are called."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from outgrow.discovery.directory import Directory, Endpoint, Resolution


class Followed:
    """
    One service as the directory knows it now.

    If none of its endpoints is ready, all are taken: what they lack, all of them lack, and calls
    that wait there for its return are better than calls that go nowhere (as Envoy's panic mode).

    Attributes:
        service: Its name.
        known: All that there are.
        endpoints: Those of them that take calls.
        generation: Grows whenever they change.
        is_stale: Whether the directory is away, and this is its last good answer.
    """

    def __init__(self, service: str, begin: Callable[[Followed], None]) -> None:
        self.service = service
        self._begin: Callable[[Followed], None] | None = begin
        self.known: tuple[Endpoint, ...] = ()
        self.endpoints: tuple[Endpoint, ...] = ()
        self.generation = 0
        self.is_stale = False
        self._told = asyncio.Event()

    def take(self, resolution: Resolution) -> None:
        """Know what the directory says from now on."""
        self.is_stale = resolution.is_stale
        self.known = resolution.endpoints
        ready = tuple(one for one in self.known if one.is_ready and one.weight > 0)
        endpoints = ready or self.known
        if endpoints != self.endpoints or not self._told.is_set():
            self.endpoints = endpoints
            self.generation += 1
        self._told.set()

    @property
    def is_known(self) -> bool:
        """Whether the directory has said anything of it yet."""
        return self._told.is_set()

    async def wait_known(self) -> None:
        """
        Wait until the directory has said where it is; its caller has a deadline.

        The first who waits lets it be watched: what nobody calls costs nothing.
        """
        begin, self._begin = self._begin, None
        if begin is not None:
            begin(self)
        await self._told.wait()


class Following:
    """
    Follows the services that somebody calls, each from its first call on.

    Lives until the end of `running`, in whose task group it watches.
    """

    def __init__(self, directory: Directory, tasks: asyncio.TaskGroup) -> None:
        self._directory = directory
        self._tasks = tasks
        self._followed: dict[str, Followed] = {}
        self._watching: list[asyncio.Task[None]] = []

    def of(self, service: str) -> Followed:
        """*service* as it is known now, and will be."""
        followed = self._followed.get(service)
        if followed is None:
            followed = self._followed[service] = Followed(service, self._begin)
        return followed

    def _begin(self, followed: Followed) -> None:
        self._watching.append(self._tasks.create_task(self._watch(followed)))

    def stop(self) -> None:
        """Watch no more; what is known stays."""
        for task in self._watching:
            task.cancel()

    async def _watch(self, followed: Followed) -> None:
        async for resolution in self._directory.watch(followed.service):
            followed.take(resolution)

    def statistics(self) -> dict[str, Any]:
        """What is known of the services that are called, by service."""
        return {
            name: {
                "endpoints": [_told(endpoint) for endpoint in followed.known],
                "is_stale": followed.is_stale,
                "changes": followed.generation,
            }
            for name, followed in self._followed.items()
            if followed.is_known
        }


@asynccontextmanager
async def following(directory: Directory) -> AsyncIterator[Following]:
    """Follow services by what *directory* says, until the end of the block."""
    failure: Exception | None = None
    async with asyncio.TaskGroup() as tasks:
        one = Following(directory, tasks)
        try:
            yield one
        except Exception as error:  # noqa: BLE001 - raised below: a group would wrap it
            failure = error
        finally:
            one.stop()
    if failure is not None:
        raise failure


def _told(endpoint: Endpoint) -> dict[str, Any]:
    return {
        "address": endpoint.address,
        "process": endpoint.process,
        "instance": endpoint.instance,
        "version": endpoint.version,
        "weight": endpoint.weight,
        "is_ready": endpoint.is_ready,
    }
