"""What tests of the wharf need: its web address as users see it, and time that passes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from outgrow.clock import SystemClock
from outgrow.context import Caller
from outgrow.gateway import Edge, Headers
from outgrow.testing import ApartWorld, World
from tests.gateway.conftest import Driver
from tests.sagas.callers.booking.contract import Bookings

WAIT_SECONDS = 30
LOOK_SECONDS = 0.01
HALF_AN_HOUR = 1800.0
HOUR = 3600.0
PATIENCE_SECONDS = 20.0
"""What the contract gives to a call. Of the machine's time none of them takes as long."""

LAST_SECONDS = 2.0
"""More than a call is on its way: the callee takes that from the caller's time."""

PATIENCE_STEP = 0.05
"""Half of the time before its caller's deadline at which a call is told that it goes on."""


def named(headers: Headers) -> Caller:
    """Whoever says who it is; nobody has to prove it here."""
    name = headers.get(b"x-user", b"").decode()
    allowed = headers.get(b"x-allow", b"bookings:write").decode()
    kind: Any = "user" if name else "anonymous"
    return Caller(kind=kind, subject=name, permissions=frozenset(allowed.split(",")))


def http(world: World) -> Driver:
    """What sends HTTP requests to the front door, which believes everybody's name."""
    application = world.application
    edge = Edge(
        application.name,
        application.known,
        application._at_edge.bind,
        application.clock,
        authenticate=named,
    )
    edge.tell_of_operations(partial(application._operations.find, application._clients.bind))
    return Driver(edge)


async def sagas_of(world: World) -> Any:
    """What the office's process tells of its sagas."""
    if isinstance(world, ApartWorld):
        told = await world.statistics("booking")
    else:
        told = await world.application.statistics()
    return told["sagas"]["booking"]


async def paused(world: World) -> None:
    """Wait until a saga of the office waits for its time."""

    async def is_paused() -> bool:
        return bool((await sagas_of(world))["waiting"])

    await until(is_paused)


async def until(is_so: Callable[[], Awaitable[bool]]) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(WAIT_SECONDS):
        while not await is_so():
            await SystemClock().sleep(LOOK_SECONDS)


async def run_out_of_time(
    world: World, calling: asyncio.Task[Any], seconds: float = PATIENCE_SECONDS
) -> None:
    """Let the *seconds* of *calling* pass, the last of them little by little, as time does."""
    client: Any = world.client(Bookings)  # type: ignore[type-abstract]
    world.clock.advance(seconds - LAST_SECONDS)
    for _ in range(round(LAST_SECONDS / PATIENCE_STEP)):
        await client.booked()  # What fell due where it goes was seen when this is answered;
        await SystemClock().sleep(LOOK_SECONDS)  # and its answer comes.
        if calling.done():
            break
        world.clock.advance(PATIENCE_STEP)
    await asyncio.wait([calling])
