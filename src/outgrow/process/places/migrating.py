"""Bringing the tables of stores up to date, without starting the application."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence

import msgspec

from outgrow.clock import SystemClock
from outgrow.journal import SCHEMA
from outgrow.process.places.finding import Places
from outgrow.store import bring_up_to_date


class Migrated(msgspec.Struct, frozen=True, kw_only=True):
    """
    What was done to the tables of one service.

    Attributes:
        has_store: Whether there is a store; if not, nothing was done.
        brought: The names of the migrations, and of outgrow's own steps.
    """

    service: str
    has_store: bool
    brought: list[str]


async def migrate_stores(
    places: Places, services: Sequence[str], *, is_trial: bool = False
) -> AsyncGenerator[Migrated, None]:
    """
    Apply to the stores of *services* what their next start would apply.

    Args:
        is_trial: Whether it is taken back, once it has worked.

    Raises:
        StoreRefused: Nothing in that store was changed; those before it are done.
    """
    async with places.found(services) as found:
        for service in services:
            where = found.get(service)
            if where is None:
                yield Migrated(service=service, has_store=False, brought=[])
                continue
            brought = await bring_up_to_date(
                where if isinstance(where, str) else where / f"{service}.sqlite3",
                application=places.plan.application,
                service=service,
                clock=SystemClock(),
                schemas=[SCHEMA],
                migrations=places.migrations_of(service),
                is_trial=is_trial,
            )
            yield Migrated(service=service, has_store=True, brought=brought)
