"""What an application keeps in its state folder: the stores of its services, and its own id."""

from __future__ import annotations

import importlib.util
import logging
import os
import secrets
import sys
from contextlib import AsyncExitStack
from pathlib import Path

from outgrow.clock import Clock
from outgrow.errors import StoreRefused
from outgrow.journal import SCHEMA, Outbox
from outgrow.store import Store, open_store

logger = logging.getLogger("outgrow.process")


INSTALLATION_FILE = "installation"


def installation_id(state: Path) -> str:
    """
    What tells the stores below *state* from all others; made once, by whoever comes first.

    Raises:
        StoreRefused: The file cannot be written or read.
    """
    path = state / INSTALLATION_FILE
    try:
        if not path.exists():
            draft = state / f"{INSTALLATION_FILE}.{secrets.token_hex(8)}"
            with draft.open("x") as file:
                file.write(f"{secrets.token_hex(8)}\n")
                file.flush()
                os.fsync(file.fileno())
            try:
                os.link(draft, path)
            except FileExistsError:
                pass  # Another process was first; its id is taken.
            finally:
                draft.unlink()
        found = path.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise StoreRefused(str(path), f"it cannot be made or read: {error}.") from error
    if not (found.isascii() and found.isalnum()):
        message = "it is damaged. Delete it; another is made, and streams of this one are not ours."
        raise StoreRefused(str(path), message)
    return found


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
