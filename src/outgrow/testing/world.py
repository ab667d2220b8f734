"""A world: the tested application in one of the forms that it can run in."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TypeVar

from outgrow.clock import ManualClock
from outgrow.context import Caller
from outgrow.journal import WaitingKey
from outgrow.process import Application, Options, start_application
from outgrow.testing.databases import PostgresServer
from outgrow.testing.faults import Faults, Local, faulty
from outgrow.testing.noting import note
from outgrow.testing.repeats import Redelivering
from outgrow.testing.wired import wired
from outgrow.topology import SQLITE, read_topology

T = TypeVar("T")

WORLDS = {
    "together": Options(),
    "wired": Options(transport=wired, source=Redelivering),
}
"""
The forms that an application runs in, and what makes each.

``together``: one process, plain calls. ``wired``: one process, real gRPC over a local socket; every
query and idempotent command is sent twice and every event delivered twice. The third, ``apart``,
has several processes: `outgrow.testing.apart`.
"""


class EventsParked(AssertionError):
    """
    A handler, or a command that was sent, has failed so often that it is not tried any more.

    Attributes:
        keys: What is parked.
    """

    def __init__(self, keys: list[WaitingKey]) -> None:
        self.keys = keys
        told = [
            f"{one.consumer}, key {one.key!r}, after {one.attempts} attempts: {one.error}"
            for one in keys
        ]
        text = "\n  ".join(["parked while the world settled:", *told])
        super().__init__(f"{text}\nIf this is what is tested: await world.settle(parked=True)")


class World:
    """
    The tested application, with an empty store for each service and a clock that stands still.

    Lives as long as its test. Tests reach it through contracts, as other programs would.

    Attributes:
        name: ``together``, ``wired`` or ``apart``.
        clock: Moves only when the test moves it, or `settle` does.
        state: The folder of its stores.
        stores: The URLs of those in PostgreSQL, by service. What is configured is never opened.
    """

    def __init__(self, name: str, file: Path, state: Path) -> None:
        self.name = name
        self.clock = ManualClock()
        self.state = state
        self.stores: dict[str, str] = {}
        self._file = file
        self._local = Local(read_topology(file).services, has_bytes=name == "wired")
        self._stack = AsyncExitStack()
        self._application: Application | None = None
        self._parked: set[tuple[str, str, str]] = set()

    async def keep_in(self, server: PostgresServer, *, all_services: bool) -> None:
        """
        Let services have fresh databases of *server*; before the start.

        Args:
            all_services: Whether even those have one that are configured to keep SQLite.
        """
        plan = read_topology(self._file)
        stores = plan.stores
        if self.name == "apart" and plan.topologies:
            stores = next(iter(plan.topologies.values())).stores
        chosen = [name for name, place in stores.items() if all_services or place != SQLITE]
        self.stores = {service: await server.database() for service in chosen}

    @property
    def application(self) -> Application:
        """The application that runs now; another after a `restart`."""
        if self._application is None:
            message = "the application of this world has been stopped"
            raise RuntimeError(message)
        return self._application

    def client(self, contract: Callable[..., T]) -> T:
        """A client of *contract* that may do everything."""
        return self.application.client(contract)

    @property
    def faults(self) -> Faults:
        """What can go wrong between two services: ``world.faults(seed=7).between(...)``."""
        return Faults(self._local)

    def partition(self, one: str, other: str) -> AbstractAsyncContextManager[None]:
        """Let nothing pass between the services *one* and *other* until the block ends."""
        return self.faults.partition(one, other)

    def as_user(
        self, subject: str, *, allow: Sequence[str] = (), tenant: str | None = None
    ) -> AsUser:
        """
        Clients for a user called *subject*.

        Args:
            allow: What the user may do; ``["*"]`` is everything.
            tenant: The tenant that the user belongs to.
        """
        caller = Caller(kind="user", subject=subject, permissions=frozenset(allow), tenant=tenant)
        return AsUser(self, caller)

    async def settle(self, *, parked: bool = False) -> None:
        """
        Wait until nothing is left to do: all events delivered, all sent commands answered.

        Time is moved on to each retry that waits for it, so that what fails for a while works in
        the end and what always fails is parked.

        Args:
            parked: Whether something may be parked.

        Raises:
            EventsParked: Something was parked since the world settled last.
        """
        if self._parked:
            # What was replayed meanwhile, and fails again, is told again.
            self._parked &= {_name_of(key) for key in await self._parked_keys()}
        await self._settle()
        keys = await self._parked_keys()
        new = [key for key in keys if _name_of(key) not in self._parked]
        self._parked = {_name_of(key) for key in keys}
        if new and not parked:
            raise EventsParked(new)

    async def _settle(self) -> None:
        while (wait_seconds := await self.application.settle()) is not None:
            self.clock.advance(wait_seconds)

    async def _parked_keys(self) -> list[WaitingKey]:
        """The keys that are parked now."""
        keys, _ = await self.application.overview.waiting()
        return [key for key in keys if key.state == "parked"]

    async def start(self) -> None:
        """Start the application on the stores as they are."""
        template = WORLDS[self.name]
        is_wired = template.transport is wired
        make = partial(wired, offer=self._local.offer) if is_wired else template.transport
        options = dataclasses.replace(
            template,
            clock=self.clock,
            state=self.state,
            stores=self.stores,
            transport=faulty(make, self._local.book),
        )
        application = start_application(read_topology(self._file), options)
        self._application = await self._stack.enter_async_context(application)

    async def stop(self) -> None:
        """Stop the application; its stores stay."""
        for hosted in self._application.stores.values() if self._application else ():
            note(hosted.store)
        self._application = None
        await self._local.close()
        await self._stack.aclose()

    async def restart(self) -> None:
        """Stop the application and start it again on the same stores."""
        await self.stop()
        await self.start()


def _name_of(key: WaitingKey) -> tuple[str, str, str]:
    return key.consumer, key.source, key.key


class AsUser:
    """Clients that call for one user."""

    def __init__(self, world: World, caller: Caller) -> None:
        self._world = world
        self._caller = caller

    def client(self, contract: Callable[..., T]) -> T:
        """A client of *contract* that calls for this user."""
        return self._world.application.client(contract, caller=self._caller)


@asynccontextmanager
async def opened(world: World) -> AsyncIterator[World]:
    """*world*, started, and stopped at the end."""
    await world.start()
    try:
        yield world
    finally:
        await world.stop()
