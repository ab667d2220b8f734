"""Bringing the tables of stores up to date, without starting the application."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import AsyncGenerator, Sequence
from contextlib import closing
from pathlib import Path

import msgspec

from outgrow.clock import SystemClock
from outgrow.errors import ExtraMissing, MigrationFailed
from outgrow.process.places.finding import Places
from outgrow.process.schemas import SCHEMAS
from outgrow.store import bring_up_to_date
from outgrow.store.migrating import is_alembic


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
                schemas=SCHEMAS,
                migrations=places.migrations_of(service),
                is_trial=is_trial,
            )
            yield Migrated(service=service, has_store=True, brought=brought)


async def write_revision(places: Places, service: str, text: str) -> list[Path]:
    """
    Write a revision of Alembic with what the models of *service* have, and its tables do not yet.

    The tables are those of an empty store in SQLite, which is thrown away.

    Args:
        text: What the revision is called.

    Raises:
        MigrationFailed: The service has no revisions, or its models cannot be compared.
        ExtraMissing: Alembic is not installed.
    """
    folder = places.migrations_of(service)
    if folder is None or not is_alembic(folder):
        message = (
            "it has no folder 'versions' for revisions of Alembic. Make it, with env.py beside it, "
            "or write a file of SQL."
        )
        raise MigrationFailed(str(folder or service), message)
    try:
        from outgrow.store.alchemy import make_revision  # noqa: PLC0415 - an extra
    except ModuleNotFoundError as error:
        raise ExtraMissing("sqlalchemy", "migrations by Alembic") from error
    with tempfile.TemporaryDirectory(prefix="outgrow-") as name:
        file = Path(name, "s.sqlite3")
        await bring_up_to_date(
            file,
            application=places.plan.application,
            service=service,
            clock=SystemClock(),
            migrations=folder,
        )
        with closing(sqlite3.connect(file)) as raw:
            return make_revision(raw, folder, text)
