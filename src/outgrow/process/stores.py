"""Open the stores of an application's services."""

from __future__ import annotations

import importlib.util
import logging
import sys
from contextlib import AsyncExitStack
from pathlib import Path

from outgrow.clock import Clock
from outgrow.journal import SCHEMA, Outbox
from outgrow.store import Store, open_store

logger = logging.getLogger("outgrow.process")


def migrations_folder(package: str) -> Path | None:
    """
    Where the migrations of a service stand: ``migrations`` in its package.

    A service that is one module keeps them beside it, in ``<module>_migrations``.
    """
    module = sys.modules[package]
    if module.__file__ is None:
        spec = importlib.util.find_spec(package)
        roots = list(spec.submodule_search_locations or []) if spec else []
        return Path(roots[0], "migrations") if roots else None
    file = Path(module.__file__)
    if hasattr(module, "__path__"):
        return file.parent / "migrations"
    return file.with_name(f"{file.stem}_migrations")


async def open_service_store(
    stack: AsyncExitStack,
    folder: Path,
    *,
    application: str,
    service: str,
    package: str,
    clock: Clock,
) -> tuple[Store, Outbox]:
    """
    The store of a service, brought up to date; closed by *stack*.

    Raises:
        StoreRefused: It cannot be opened; nothing in it was changed.
    """
    outbox = Outbox(service, clock)
    migrations = migrations_folder(package)
    if migrations is None or not migrations.is_dir():
        logger.info("service %r has no migrations in %s", service, migrations)
        migrations = None
    store = await open_store(
        folder / f"{service}.sqlite3",
        application=application,
        service=service,
        clock=clock,
        schemas=[SCHEMA],
        migrations=migrations,
        outbox=outbox,
    )
    await stack.enter_async_context(store)
    return store, outbox
