"""Opening a store, wherever it lives."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from outgrow.clock import Clock
from outgrow.errors import ExtraMissing
from outgrow.store.driver import Course, outlast
from outgrow.store.schema import Schema
from outgrow.store.sqlite import Opening as SqliteOpening
from outgrow.store.sqlite import bring_up_to_date as bring_sqlite_up_to_date
from outgrow.store.sqlite import open_sqlite
from outgrow.store.store import Store
from outgrow.store.threads import Threads
from outgrow.store.transaction import Outbox


async def open_store(
    where: Path | str,
    *,
    application: str,
    service: str,
    clock: Clock,
    schemas: Sequence[Schema] = (),
    migrations: Path | None = None,
    outbox: Outbox | None = None,
) -> Store:
    """
    Open the store of *service*, and make its tables if they are not there.

    Tables are brought up to date in one transaction.

    Args:
        where: An SQLite file, which is made and locked against a second opener until it is closed
            or this process ends, however that happens; or the URL of a PostgreSQL database, which
            several processes may have open.
        application: Whose store it must be.
        service: Whose store it must be.
        clock: The application's.
        schemas: The tables that rooms above keep in each store.
        migrations: The folder of the service's migrations.
        outbox: Where recorded events and sent commands go.

    Raises:
        StoreInUse: Somebody has the file open.

        StoreUnreachable: The server does not answer.

        StoreOfAnother: It belongs to another application or service.

        StoreUnreadable: It is damaged, no store, or written by something newer.

        MigrationFailed: A migration was not accepted, or changed after it was applied.

        ExtraMissing: PostgreSQL needs ``outgrow[postgres]``.
    """
    if isinstance(where, Path):
        return await open_sqlite(
            where,
            application=application,
            service=service,
            clock=clock,
            schemas=schemas,
            migrations=migrations,
            outbox=outbox,
        )
    return await _postgres().open_postgres(  # type: ignore[no-any-return]
        where,
        application=application,
        service=service,
        clock=clock,
        schemas=schemas,
        migrations=migrations,
        outbox=outbox,
    )


async def bring_up_to_date(
    where: Path | str,
    *,
    application: str,
    service: str,
    clock: Clock,
    schemas: Sequence[Schema] = (),
    migrations: Path | None = None,
    is_trial: bool = False,
) -> list[str]:
    """
    Do to the tables of a store what its opening does, and let it go; the names of what was done.

    Args:
        is_trial: Whether all is taken back, once it has worked.

    Raises:
        StoreRefused: As `open_store` does.
    """
    is_file = isinstance(where, Path)
    place: dict[str, Any] = {"path" if is_file else "url": where}
    opening: Any = (SqliteOpening if is_file else _postgres().Opening)(
        **place,
        application=application,
        service=service,
        clock=clock,
        schemas=schemas,
        migrations=migrations,
        is_trial=is_trial,
    )
    if not is_file:
        await opening.open()
        return list(opening.brought)
    threads = Threads(f"outgrow-store-{service}", 1)
    try:
        await outlast(Course(), threads.run(partial(bring_sqlite_up_to_date, opening)))
        return list(opening.brought)
    finally:
        threads.close()


def _postgres() -> Any:
    try:
        from outgrow.store import postgres  # noqa: PLC0415 - an extra
    except ModuleNotFoundError as error:
        raise ExtraMissing("postgres", "a store in PostgreSQL") from error
    return postgres
