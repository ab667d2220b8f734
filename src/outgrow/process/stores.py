"""What an application keeps in its state folder: the stores of its services, and its own id."""

from __future__ import annotations

import importlib.util
import logging
import os
import secrets
import sys
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from outgrow.clock import Clock
from outgrow.errors import Finding, StoreError, StoreRefused
from outgrow.journal import Outbox
from outgrow.process.schemas import SCHEMAS
from outgrow.store import Store, open_store
from outgrow.topology import POSTGRES, SQLITE, shown

logger = logging.getLogger("outgrow.process")


INSTALLATION_FILE = "installation"
STORE_FOLDER = "store"
"""Below the state folder: the SQLite files."""


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


def sharing_findings(
    place: str, replicas: int, services: Iterable[str], stores: Mapping[str, str]
) -> list[Finding]:
    """
    What is wrong if a process that hosts *services* runs as several *replicas*.

    Args:
        place: Where that is said.
        services: Those of its services that have a store.
        stores: Where the stores live, by service.
    """
    alone = sorted(name for name in services if stores.get(name, SQLITE) == SQLITE)
    if replicas == 1 or not alone:
        return []
    told = ", ".join(map(repr, alone))
    remedy = (
        "A SQLite file has one writer. Keep the store in PostgreSQL, which several processes can "
        f'open: store = {{ {alone[0]} = "postgres", "*" = "sqlite" }} in the topology. Or leave '
        "replicas out: one process answers many requests at once."
    )
    message = f"{replicas} replicas would share the SQLite file of {told}."
    return [Finding(place=place, message=message, remedy=remedy, slug="replicas-sqlite")]


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


@asynccontextmanager
async def located(
    state: Path, application: str, stores: Mapping[str, str]
) -> AsyncIterator[dict[str, Path | str]]:
    """
    Where each service's store is: the folder of its SQLite file, or the URL of its database.

    The embedded server runs until the end of the block, if one of them needs it.

    Args:
        stores: What is configured, by service.

    Raises:
        StoreRefused: The embedded server cannot run here.
        ExtraMissing: It is not installed.
    """
    places = resolved(state, application, stores)
    embedded = [service for service, place in stores.items() if place == POSTGRES]
    if not embedded:
        yield places
        return
    # Imported here: most applications begin without it.
    from outgrow.process.databases import serving  # noqa: PLC0415

    async with serving(state, application, embedded) as urls:
        yield {**places, **urls}


def resolved(state: Path, application: str, stores: Mapping[str, str]) -> dict[str, Path | str]:
    """Where each service's store is; of those in the embedded server only that they are there."""
    places: dict[str, Path | str] = {
        service: state / STORE_FOLDER if place == SQLITE else place
        for service, place in stores.items()
    }
    elsewhere = {s: place for s, place in stores.items() if place not in (SQLITE, POSTGRES)}
    if elsewhere:
        from outgrow.process.databases import Kept, whole_address  # noqa: PLC0415 - as above

        kept = Kept.read(state)
        for service, place in elsewhere.items():
            places[service] = whole_address(place, application, service, kept)
    return places


def embedded_place(application: str, service: str) -> str:
    """What is said of where a store in the embedded server is; the same in each of its runs."""
    # Imported here: most applications begin without it.
    from outgrow.store.creating import database_name  # noqa: PLC0415

    return f"{POSTGRES}, database {database_name(application, service)}"


@asynccontextmanager
async def located_at_start(
    state: Path, application: str, stores: Mapping[str, str]
) -> AsyncIterator[dict[str, Path | str]]:
    """As `located`; warns of each store that begins empty while *state* has another one of it."""
    async with located(state, application, stores) as places:
        await _warn_of_others(state, application, stores, places)
        yield places


async def _warn_of_others(
    state: Path, application: str, stores: Mapping[str, str], places: Mapping[str, Path | str]
) -> None:
    for service, setting in stores.items():
        others = list(_others(state, application, service, setting))
        if not others or not await _is_new(places[service], service):
            continue
        for other, place in others:
            logger.warning(
                "the store of %r begins empty in %s, while there is one of it in %s. To go on "
                "with that one, stop, remove the new one, let store say %r for %s again, and "
                "take its rows along: outgrow store move %s --to %s",
                *(service, _place(state, application, service, setting), place),
                *(other, service, service, shown(setting)),
            )


def _others(state: Path, application: str, service: str, setting: str) -> Iterator[tuple[str, str]]:
    """The settings and places of stores of *service* that are known, besides *setting*."""
    file = state / STORE_FOLDER / f"{service}.sqlite3"
    found = [SQLITE] if file.exists() and file.stat().st_size else []
    if (state / "postgres.json").exists():
        # Imported here: most applications begin without it.
        from outgrow.process.databases import Kept  # noqa: PLC0415

        try:
            kept = Kept.read(state)
        except StoreRefused:
            kept = Kept()  # Whoever needs it is told.
        # What a supervisor started says where it listens, and is the same one.
        is_here = kept.sockets != "" and f"?host={kept.sockets}" in setting
        if service in kept.roles and (state / POSTGRES / "data").exists() and not is_here:
            found.append(POSTGRES)
        if service in kept.created and setting in (SQLITE, POSTGRES):
            found.append(shown(kept.created[service]))
    for other in found:
        if other != setting:
            yield other, _place(state, application, service, other)


def _place(state: Path, application: str, service: str, setting: str) -> str:
    if setting == SQLITE:
        return str(state / STORE_FOLDER / f"{service}.sqlite3")
    return embedded_place(application, service) if setting == POSTGRES else shown(setting)


async def _is_new(where: Path | str, service: str) -> bool:
    """Whether a store is made there when it is opened, as far as that can be seen."""
    if isinstance(where, Path):
        file = where / f"{service}.sqlite3"
        return not file.exists() or not file.stat().st_size
    from outgrow.store.creating import ask_database  # noqa: PLC0415 - as above

    try:
        (((is_new,),),) = await ask_database(where, "select to_regclass('outgrow_meta') is null")
    except StoreError:
        return False  # Its opening says why.
    return bool(is_new)


@dataclass(frozen=True, kw_only=True)
class HostedStore:
    """
    The store of a service that runs here, and what is needed to open it elsewhere.

    Attributes:
        package: The service's package, which holds its migrations.
    """

    store: Store
    outbox: Outbox
    package: str

    async def switch(self, where: Path | str) -> None:
        """
        Go on with what a move has brought to *where*.

        Raises:
            StoreRefused: It cannot be opened; the store is as it was.
        """
        store = self.store
        other = await _open(
            where, store.application, store.service, self.package, store.clock, self.outbox
        )
        await store.switch(other)


async def open_service_store(
    stack: AsyncExitStack,
    where: Path | str,
    *,
    application: str,
    service: str,
    package: str,
    clock: Clock,
) -> tuple[Store, Outbox]:
    """
    The store of a service, brought up to date; closed by *stack*.

    Args:
        where: The folder of its SQLite file, or the URL of its database in PostgreSQL.

    Raises:
        StoreRefused: It cannot be opened; nothing in it was changed.
    """
    outbox = Outbox(service, clock)
    store = await _open(where, application, service, package, clock, outbox)
    await stack.enter_async_context(store)
    return store, outbox


async def _open(  # noqa: PLR0917 - two callers, beside it
    where: Path | str, application: str, service: str, package: str, clock: Clock, outbox: Outbox
) -> Store:
    migrations = migrations_folder(package)
    if migrations is None or not migrations.is_dir():
        logger.info("service %r has no migrations in %s", service, migrations)
        migrations = None
    return await open_store(
        where / f"{service}.sqlite3" if isinstance(where, Path) else where,
        application=application,
        service=service,
        clock=clock,
        schemas=SCHEMAS,
        migrations=migrations,
        outbox=outbox,
    )
