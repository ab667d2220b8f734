"""The processes of one behaviour of directories, and what a directory's author gives the suite."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, aclosing
from typing import Any, Protocol

from outgrow.clock import SystemClock
from outgrow.context import new_id
from outgrow.discovery import Directory, Endpoint, Resolution, keeping

MANY = 60
"""Enough to be many, and few enough to be quick."""

PATIENCE_SECONDS = 30.0
"""How long a behaviour waits for what must happen; nothing that holds takes nearly as long."""


class DirectoryPlace(Protocol):
    """
    A kind of directory that is tried, as its author makes it for the suite.

    Behaviours may share one, as each has an environment of its own.

    Attributes:
        lease_seconds: How long a lease lasts here; a second or so keeps the suite short. None if
            there are no leases: such a directory knows what it was given, and nothing else.
    """

    lease_seconds: float | None

    def open(
        self, environment: str, known: Sequence[Endpoint]
    ) -> AbstractAsyncContextManager[Directory]:
        """The directory of *environment* as one process has it, which was told *known* before."""

    async def go_away(self) -> None:
        """Let nobody reach what holds the directory; nobody asks it of one without leases."""

    async def come_back(self) -> None:
        """Let it be reached again, with what it held."""

    async def come_back_empty(self) -> None:
        """Let it be reached again, without anything that it held."""


class Watcher:
    """
    One who watches a service.

    Attributes:
        told: All that it was told, in order.
    """

    def __init__(self, watch: AsyncIterator[Resolution]) -> None:
        self.told: list[Resolution] = []
        self._watch = watch
        self._changed = asyncio.Event()

    async def run(self) -> None:
        """Note what is told, until cancelled."""
        async with aclosing(self._watch) as watch:  # type: ignore[type-var]
            async for resolution in watch:
                self.told.append(resolution)
                self._changed.set()

    @property
    def instances(self) -> list[list[str]]:
        """The instances that it was told of, each time that they were others."""
        found: list[list[str]] = []
        for resolution in self.told:
            names = instances(resolution)
            if not found or names != found[-1]:
                found.append(names)
        return found

    async def until(self, holds: Callable[[Resolution], bool]) -> Resolution:
        """What it was told last, as soon as that is so."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not (self.told and holds(self.told[-1])):
                self._changed.clear()
                await self._changed.wait()
        return self.told[-1]

    async def until_instances(self, *names: str) -> None:
        """Return when it was told of exactly these, by a directory that could be asked."""
        await self.until(lambda now: instances(now) == list(names) and not now.is_stale)


class Processes:
    """
    The processes of one behaviour, in an environment of their own.

    Attributes:
        place: What is tried.
        environment: Where they are.
    """

    def __init__(
        self, place: DirectoryPlace, stack: AsyncExitStack, tasks: asyncio.TaskGroup
    ) -> None:
        self.place = place
        self.environment = f"e{new_id().replace('-', '')}"
        self._stack = stack
        self._tasks = tasks
        self._running: list[asyncio.Task[None]] = []
        self._written: tuple[Endpoint, ...] = ()

    async def directory(
        self, *, environment: str | None = None, known: Iterable[Endpoint] = ()
    ) -> Directory:
        """The directory as one more process has it."""
        opened = self.place.open(environment or self.environment, (*self._written, *known))
        return await self._stack.enter_async_context(opened)

    async def offer(self, *endpoints: Endpoint) -> Directory:
        """
        One more process that offers *endpoints*, and does not renew its lease.

        A directory without leases was given them before the others of the behaviour were opened.
        """
        if self.place.lease_seconds is None:
            self._written += endpoints
        directory = await self.directory()
        await directory.register(endpoints)
        return directory

    async def keep(self, *endpoints: Endpoint) -> Callable[[], object]:
        """One more process that offers *endpoints* and renews them; what is returned kills it."""
        assert self.place.lease_seconds is not None, "these behaviours are about leases"
        seconds = self.place.lease_seconds / 4

        async def live() -> None:
            async with (
                self.place.open(self.environment, ()) as directory,
                keeping(_Mortal(directory), endpoints, seconds=seconds),
            ):
                has_entered.set()
                await asyncio.get_running_loop().create_future()

        has_entered = asyncio.Event()
        task = self._run(live())
        await has_entered.wait()
        return task.cancel

    def watch(self, directory: Directory, service: str) -> Watcher:
        """One who watches *service* until the end of the behaviour."""
        watcher = Watcher(directory.watch(service))
        _ = self._run(watcher.run())
        return watcher

    async def wait_leases(self, count: float) -> None:
        """Let as much time go by as *count* leases last."""
        await SystemClock().sleep(count * (self.place.lease_seconds or 0))

    def stop(self) -> None:
        """End what runs."""
        for task in self._running:
            task.cancel()

    def _run(self, work: Any) -> asyncio.Task[None]:
        task: asyncio.Task[None] = self._tasks.create_task(work)
        self._running.append(task)
        return task


class _Mortal:
    """A directory as a process has it that is killed at its end: it does not say that it leaves."""

    def __init__(self, directory: Directory) -> None:
        self.register = directory.register
        self.renew = directory.renew
        self.resolve = directory.resolve
        self.watch = directory.watch

    async def leave(self) -> None:
        """Say nothing."""


def endpoint(service: str, instance: str, **fields: Any) -> Endpoint:
    """An endpoint of *service*, with an address of its own unless one is given."""
    known = {"address": f"unix:/run/{instance}.sock", "process": "back", **fields}
    return Endpoint(service=service, instance=instance, **known)


def instances(resolution: Resolution) -> list[str]:
    """The instances that *resolution* tells of, in its order."""
    return [one.instance for one in resolution.endpoints]
