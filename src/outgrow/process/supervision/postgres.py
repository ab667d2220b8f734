"""The PostgreSQL server of a topology: kept like any other process."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

from outgrow.process.databases import NAME, Embedded
from outgrow.process.stores import resolved
from outgrow.process.supervision.instance import Recipe
from outgrow.topology import POSTGRES, SQLITE


@contextlib.asynccontextmanager
async def taken(
    state: Path, application: str, stores: Mapping[str, str]
) -> AsyncIterator[Embedded | None]:
    """
    The embedded server of *stores* until the end of the block; None if none of them needs it.

    Raises:
        StoreInUse: Another process runs it.
        StoreRefused: It cannot run here.
        ExtraMissing: It is not installed.
    """
    services = [service for service, place in stores.items() if place == POSTGRES]
    if not services:
        yield None
        return
    embedded = Embedded(state, application, services)
    await embedded.take()
    try:
        yield embedded
    finally:
        embedded.release()


def postgres_recipe(embedded: Embedded, lock: int) -> Recipe:
    """How the server is started."""

    async def wait_ready() -> None:
        await embedded.wait_answers()

    return Recipe(
        name=NAME,
        command=tuple(embedded.cluster.command()),
        lock=lock,
        stop_signal=signal.SIGINT,  # Clients are cut off, and what is committed is kept.
        wait_ready=wait_ready,
        folder=embedded.cluster.data,
        user=embedded.cluster.account.other,
        passed=(embedded.lock,),
        on_our_death=signal.SIGQUIT,
    )


def addresses(
    state: Path, application: str, stores: Mapping[str, str], embedded: Embedded | None
) -> dict[str, str]:
    """Where each process finds the stores of its services: ``sqlite``, or a URL."""
    urls = embedded.urls if embedded is not None else {}
    places = resolved(state, application, stores)
    return {
        service: urls.get(service, SQLITE if isinstance(place, Path) else place)
        for service, place in places.items()
    }
