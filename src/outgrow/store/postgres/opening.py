"""Opening a PostgreSQL database: only if it is the right one, and changed wholly or not at all."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import asyncpg

from outgrow import crash
from outgrow.clock import Clock
from outgrow.errors import (
    ExtraMissing,
    MigrationFailed,
    StoreOfAnother,
    StoreRefused,
)
from outgrow.store.dialect import to_postgres
from outgrow.store.migrating import (
    Applied,
    Migration,
    is_alembic,
    pending_of,
    read_migrations,
    refuse_deferred,
    refuse_in_postgres,
    statements_of,
    steps_to_today,
)
from outgrow.store.postgres.connection import Connection, shown
from outgrow.store.postgres.database import PostgresDatabase
from outgrow.store.postgres.handing import be_ready
from outgrow.store.postgres.pool import SERVER, go_on_behind, server_of
from outgrow.store.schema import Schema
from outgrow.store.store import Store
from outgrow.store.transaction import Outbox

FORMAT: Final = 1
SERVER_VERSION_MIN: Final = 15
LOCK_SECONDS_MAX: Final = 5.0
"""How long a migration waits for a table, since whoever comes after it waits as long."""

_NUMBERED: Final = """
select n.relname, n.attname, n.sequence from (
    select quote_ident(c.relname) as relname, quote_ident(a.attname) as attname,
        pg_get_serial_sequence(quote_ident(c.relname), a.attname) as sequence
    from pg_class c join pg_attribute a on a.attrelid = c.oid
    where c.relnamespace = current_schema()::regnamespace and c.relkind in ('r', 'p')
        and a.attnum > 0 and not a.attisdropped and c.relname not like 'outgrow!_%' escape '!'
) n where n.sequence is not null
"""
"""Tables of the service, columns that number their rows, and what counts for them."""

_LOCK: Final = 0x6F757467726F77
"""The number of the advisory lock under which tables are changed, by one process at a time."""

_META: Final = """
create table outgrow_meta (name text primary key, value text not null) strict;
create table outgrow_migrations (
    number integer primary key,
    name text not null,
    checksum text not null,
    applied_at text not null
) strict;
"""

_log = logging.getLogger("outgrow.store")


async def open_postgres(
    url: str,
    *,
    application: str,
    service: str,
    clock: Clock,
    schemas: Sequence[Schema] = (),
    migrations: Path | None = None,
    outbox: Outbox | None = None,
) -> Store:
    """
    Open the store of *service* in the PostgreSQL database at *url*; several processes may.

    Tables are brought up to date in one transaction, by one process at a time.

    Raises:
        StoreUnreachable: The server does not answer.
        StoreRefused: It lets nobody in under that name, or is too old.
        StoreOfAnother: The database belongs to another application or service, or is none of ours.
        StoreUnreadable: It was written by something newer.
        MigrationFailed: A migration was not accepted, or changed after it was applied.
    """
    opening = Opening(
        url=url,
        application=application,
        service=service,
        clock=clock,
        schemas=schemas,
        migrations=migrations,
    )
    await opening.open()
    database = PostgresDatabase(url, service, outbox)
    return Store(database, application=application, service=service, clock=clock)


@dataclass(kw_only=True)
class Opening:
    """
    What a store is opened with; as of the SQLite file, but for the address.

    Attributes:
        is_trial: Whether what is brought up to date is taken back, once it has worked.
        brought: What was brought up to date.
    """

    url: str
    application: str
    service: str
    clock: Clock
    schemas: Sequence[Schema] = ()
    migrations: Path | None = None
    is_trial: bool = False
    brought: list[str] = field(default_factory=list, init=False)

    @property
    def place(self) -> str:
        """The address, for messages."""
        return shown(self.url)

    async def open(self) -> None:
        """Bring the tables up to date; raises as `open_postgres`."""
        be_ready()
        migrations = read_migrations(self.migrations, "postgresql")
        try:
            connection = await Connection.open(self.url, self.service, isolation="read committed")
        except (asyncpg.PostgresError, ValueError) as error:
            message = (
                f"the server lets nobody in: {error}. See that the database and the role are there "
                "('outgrow store create' makes them), and that the password is right."
            )
            raise StoreRefused(self.place, message) from error
        try:
            self._check_server(connection)
            await self._bring_up_to_date(connection, migrations)
        except asyncpg.InsufficientPrivilegeError as error:
            message = (
                f"its role may not make tables there: {error}. Name the database and the role that "
                "'outgrow store create' makes."
            )
            raise StoreRefused(self.place, message) from error
        except asyncpg.PostgresError as error:
            message = f"its tables could not be brought up to date: {error}. Nothing was changed."
            raise StoreRefused(self.place, message) from error
        finally:
            await connection.close()

    def _check_server(self, connection: Connection) -> None:
        version = connection.raw.get_server_version()
        if version.major < SERVER_VERSION_MIN:
            message = (
                f"it is PostgreSQL {version.major}; {SERVER_VERSION_MIN} is the oldest that works."
            )
            raise StoreRefused(self.place, message)

    async def _bring_up_to_date(self, connection: Connection, migrations: list[Migration]) -> None:
        server = await server_of(connection)
        transaction = connection.raw.transaction()
        await transaction.start()
        try:
            await connection.own("select pg_advisory_xact_lock(?)", (_LOCK,))
            await connection.command(f"set local lock_timeout = '{LOCK_SECONDS_MAX:g}s'")
            await self._check_encoding(connection)
            await self._check_file(connection)
            await self._create(connection)
            await self._note_server(connection, server)
            await self._migrate(connection, migrations)
            await self._upgrade(connection)
            if self.brought:
                await self._number_on(connection)
            crash.at("store.before_opened")
        except BaseException:
            await transaction.rollback()
            raise
        await (transaction.rollback() if self.is_trial else transaction.commit())
        crash.at("store.after_opened")

    async def _check_encoding(self, connection: Connection) -> None:
        ((encoding, collation),) = await connection.own(
            "select pg_encoding_to_char(encoding)::text, datcollate::text from pg_database "
            "where datname = current_database()"
        )
        if encoding != "UTF8":
            message = f"its encoding is {encoding}. Create the database with encoding 'UTF8'."
            raise StoreRefused(self.place, message)
        if collation not in ("C", "POSIX", "C.UTF-8", "C.utf8"):
            _log.warning(
                "%s: texts sort by %s here, and by their bytes in SQLite. 'outgrow store create' "
                "makes databases that sort alike",
                self.place,
                collation,
            )

    async def _check_file(self, connection: Connection) -> None:
        names = await connection.own(
            "select table_name::text from information_schema.tables "
            "where table_schema = current_schema()"
        )
        tables = {name for (name,) in names}
        if tables and "outgrow_meta" not in tables:
            message = (
                "it has tables, and is no store of outgrow's. Name an empty database, which "
                "'outgrow store create' makes."
            )
            raise StoreOfAnother(self.place, message)
        if not tables:
            return
        meta: dict[str, str] = dict(await connection.own("select name, value from outgrow_meta"))
        owner = (meta.get("application"), meta.get("service"))
        if owner != (self.application, self.service):
            message = (
                f"it belongs to service {owner[1]!r} of application {owner[0]!r}, and "
                f"{self.service!r} of {self.application!r} would open it. Name another database."
            )
            raise StoreOfAnother(self.place, message)

    async def _create(self, connection: Connection) -> None:
        known = await connection.own(
            "select 1 from information_schema.tables where table_schema = current_schema() "
            "and table_name = 'outgrow_meta'"
        )
        if not known:
            await self._run_all(connection, _META)
            await self._note(connection, "format", str(FORMAT))
            await self._note(connection, "application", self.application)
            await self._note(connection, "service", self.service)
        noted: dict[str, str] = dict(await connection.own("select name, value from outgrow_meta"))
        for step in steps_to_today(self.place, noted, self.schemas, layout=FORMAT):
            await self._run_all(connection, step.ddl)
            await self._note(connection, step.name, str(step.version))
            self.brought.append(str(step))

    async def _note_server(self, connection: Connection, server: str | None) -> None:
        if server is None or self.is_trial:
            return
        await go_on_behind(connection, server, self.place)
        await self._note(connection, SERVER, server)

    async def _number_on(self, connection: Connection) -> None:
        """Number rows behind those that migrations have put in with numbers, as SQLite does."""
        for table, column, sequence in await connection.own(_NUMBERED):
            await connection.own(
                f"select setval(cast(? as regclass), n) from "  # noqa: S608 - quoted by the server
                f"(select max({column}) as n from {table}) m where n > (select "
                f"case when is_called then last_value else last_value - 1 end from {sequence})",
                (sequence,),
            )

    async def _run_all(self, connection: Connection, ddl: str) -> None:
        for _, statement in statements_of(ddl):
            await connection.command(to_postgres(statement))

    async def _note(self, connection: Connection, name: str, value: str) -> None:
        await connection.own(
            "insert into outgrow_meta (name, value) values (?, ?) "
            "on conflict (name) do update set value = excluded.value",
            (name, value),
        )

    async def _migrate(self, connection: Connection, migrations: list[Migration]) -> None:
        rows = await connection.own("select number, name, checksum from outgrow_migrations")
        for migration in pending_of(self.place, [Applied(*row) for row in rows], migrations):
            await self._apply(connection, migration)
            self.brought.append(migration.path.name)
            applied_at = self.clock.now().isoformat(timespec="microseconds")
            await connection.own(
                "insert into outgrow_migrations values (?, ?, ?, ?)",
                (migration.number, migration.path.name, migration.checksum, applied_at),
            )

    async def _upgrade(self, connection: Connection) -> None:
        """Bring the tables of a service with Alembic to its last revision."""
        folder = self.migrations
        if folder is None or not is_alembic(folder):
            return
        try:
            from outgrow.store.alchemy import upgrade_postgres  # noqa: PLC0415 - an extra
        except ModuleNotFoundError as error:
            raise ExtraMissing("sqlalchemy", "migrations by Alembic") from error
        self.brought += await upgrade_postgres(
            connection.raw, folder, self.place, lambda sql: refuse_in_postgres(str(folder), sql)
        )

    async def _apply(self, connection: Connection, migration: Migration) -> None:
        for line, statement in migration.statements:
            place = f"{migration.path}:{line}"
            refuse_deferred(place, statement)
            refuse_in_postgres(place, statement)
            try:
                await connection.command(statement)
            except asyncpg.LockNotAvailableError as error:
                message = (
                    f"it waited {LOCK_SECONDS_MAX:g} s for others who use the table, and made "
                    "all who came after it wait too. Nothing was changed; start again, when no "
                    "long transaction is open."
                )
                raise MigrationFailed(place, message) from error
            except asyncpg.PostgresError as error:
                message = f"{error}. Nothing was changed; correct it and start again."
                raise MigrationFailed(place, message) from error
