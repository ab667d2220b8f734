"""Opening an SQLite file: alone, only if it is the right one, and changed wholly or not at all."""

from __future__ import annotations

import fcntl
import os
import sqlite3
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from outgrow import crash
from outgrow.clock import Clock
from outgrow.errors import (
    ExtraMissing,
    MigrationFailed,
    StatementFailed,
    StoreInUse,
    StoreOfAnother,
    StoreRefused,
)
from outgrow.store.migrating import (
    Applied,
    Migration,
    is_alembic,
    pending_of,
    read_migrations,
    refuse_deferred,
    statements_of,
    steps_to_today,
)
from outgrow.store.schema import Schema
from outgrow.store.sqlite.connection import (
    Connection,
    may_change,
    may_migrate,
    may_migrate_and_look,
)
from outgrow.store.sqlite.handing import be_ready
from outgrow.store.sqlite.places import MOUNTS, refusal, refuse_network

FORMAT = 1
CHECKED_BYTES_MAX = 64 * 1024 * 1024

_META = """
create table outgrow_meta (name text primary key, value text not null) strict;
create table outgrow_migrations (
    number integer primary key,
    name text not null,
    checksum text not null,
    applied_at text not null
) strict;
"""


@dataclass(kw_only=True)
class Opening:
    """
    What a store is opened with.

    Attributes:
        path: The file; made if it does not exist.
        application: Whose it must be.
        service: Whose it must be.
        clock: Tells when a migration was applied.
        schemas: The tables of the rooms above.
        migrations: The folder of the service's migrations, if it has one.
        mounts: The table of mounts, which says whether the folder is on a disk of this machine.
        is_trial: Whether what is brought up to date is taken back, once it has worked.
        brought: What was brought up to date.
    """

    path: Path
    application: str
    service: str
    clock: Clock
    schemas: Sequence[Schema] = ()
    migrations: Path | None = None
    mounts: Path = MOUNTS
    is_trial: bool = False
    brought: list[str] = field(default_factory=list, init=False)
    lock: int = field(default=-1, init=False)

    def open(self) -> Connection:
        """
        Open the file, bring its tables up to date, and return the connection that writes.

        Raises:
            StoreRefused: Says why; nothing in the file was changed.
        """
        be_ready()
        migrations = read_migrations(self.migrations)
        refuse_network(self.path, self.mounts)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.lock = take_lock(self.path)
        except OSError as error:
            raise refusal(self.path, error) from error
        try:
            return self._open(migrations)
        except BaseException:
            os.close(self.lock)
            raise

    def _open(self, migrations: list[Migration]) -> Connection:
        connection = None
        try:
            connection = Connection(self.path, may_change)
            self._check_file(connection.raw)
            connection.prepare()
            self._bring_up_to_date(connection, migrations)
        except BaseException as error:
            if connection is not None:
                connection.raw.close()
            reason = error.__cause__ if isinstance(error, StatementFailed) else error
            if isinstance(reason, sqlite3.Error):
                raise refusal(self.path, reason) from error
            raise
        return connection

    def _check_file(self, raw: sqlite3.Connection) -> None:
        size = self.path.stat().st_size
        raw.execute("pragma schema_version").fetchone()
        tables = {name for (name,) in raw.execute("select name from sqlite_master")}
        if tables:
            known = "outgrow_meta" in tables
            meta = dict(raw.execute("select name, value from outgrow_meta")) if known else {}
            self.check_meta(self.path, meta)
        if size <= CHECKED_BYTES_MAX:
            (verdict,) = raw.execute("pragma quick_check(1)").fetchone()
            if verdict != "ok":
                raise sqlite3.DatabaseError(verdict)
        if raw.execute("pragma journal_mode = wal").fetchone()[0] != "wal":
            message = "the file system cannot keep a write-ahead log. Put it on a local disk."
            raise StoreRefused(str(self.path), message)

    def check_meta(self, path: Path, meta: dict[str, str]) -> None:
        """
        See by the notes in the file *path* that it may be opened as this store.

        Raises:
            StoreOfAnother: It belongs to another, or is no store.

            StoreUnreadable: Something newer wrote it.
        """
        check_owner(path, meta, self.application, self.service)
        steps_to_today(str(path), meta, self.schemas, layout=FORMAT)

    def _bring_up_to_date(self, connection: Connection, migrations: list[Migration]) -> None:
        # A table that others refer to is made anew by dropping it; what it leaves is looked at.
        connection.own("pragma foreign_keys = off")
        connection.begin_patiently()
        try:
            self._create(connection)
            steps = len(self.brought)
            self._migrate(connection, migrations)
            self._upgrade(connection)
            self._check_tables(connection, is_changed=len(self.brought) > steps)
            # A file that cannot be written is found out now, and not by the first unit of work.
            connection.own("update outgrow_meta set value = value where name = 'format'")
            crash.at("store.before_opened")
            connection.own("rollback" if self.is_trial else "commit")
            crash.at("store.after_opened")
        except BaseException:
            if connection.raw.in_transaction:
                connection.own("rollback")
            raise
        connection.own("pragma foreign_keys = on")

    def _create(self, connection: Connection) -> None:
        """Make outgrow's own tables, or make those of an earlier version today's."""
        raw = connection.raw
        if not raw.execute("select 1 from sqlite_master where name = 'outgrow_meta'").fetchall():
            _run_all(raw, _META)
            self._note(connection, "format", str(FORMAT))
            self._note(connection, "application", self.application)
            self._note(connection, "service", self.service)
        meta = dict(raw.execute("select name, value from outgrow_meta"))
        for step in steps_to_today(str(self.path), meta, self.schemas, layout=FORMAT):
            _run_all(raw, step.ddl)
            self._note(connection, step.name, str(step.version))
            self.brought.append(str(step))

    def _note(self, connection: Connection, name: str, value: str) -> None:
        connection.own(
            "insert into outgrow_meta (name, value) values (?, ?) "
            "on conflict (name) do update set value = excluded.value",
            (name, value),
        )

    def _migrate(self, connection: Connection, migrations: list[Migration]) -> None:
        rows = connection.own("select number, name, checksum from outgrow_migrations")
        raw = connection.raw
        for migration in pending_of(str(self.path), map(Applied._make, rows), migrations):
            with connection.ruled_by(may_migrate):
                _apply(raw, migration)
            self.brought.append(migration.path.name)
            applied_at = self.clock.now().isoformat(timespec="microseconds")
            connection.own(
                "insert into outgrow_migrations values (?, ?, ?, ?)",
                (migration.number, migration.path.name, migration.checksum, applied_at),
            )

    def _upgrade(self, connection: Connection) -> None:
        """Bring the tables of a service with Alembic to its last revision."""
        if self.migrations is None or not is_alembic(self.migrations):
            return
        try:
            from outgrow.store.alchemy import upgrade_sqlite  # noqa: PLC0415 - an extra
        except ModuleNotFoundError as error:
            raise ExtraMissing("sqlalchemy", "migrations by Alembic") from error
        with connection.ruled_by(may_migrate_and_look):
            self.brought += upgrade_sqlite(connection.raw, self.migrations, str(self.path))

    def _check_tables(self, connection: Connection, *, is_changed: bool) -> None:
        raw = connection.raw
        # What a migration cannot say in one text it may have said in another way.
        for name, sql in raw.execute("select name, sql from sqlite_master where sql is not null"):
            refuse_deferred(f"{self.path}: table {name!r}", sql)
        if not is_changed:
            return
        for table, _, parent, _ in raw.execute("pragma foreign_key_check").fetchmany(1):
            message = (
                f"rows of {table!r} refer to rows of {parent!r} that are not there any more. "
                "Nothing was changed; correct it and start again."
            )
            raise MigrationFailed(f"{self.migrations or self.path}: {self.brought[-1]}", message)


def check_owner(path: Path, meta: dict[str, str], application: str, service: str) -> None:
    """
    See by the notes in the file *path* whose store it is.

    Raises:
        StoreOfAnother: It belongs to another, or is no store.
    """
    if not meta:
        message = "it is a database, but no store of outgrow's. Name another file."
        raise StoreOfAnother(str(path), message)
    owner = (meta.get("application"), meta.get("service"))
    if owner != (application, service):
        message = (
            f"it belongs to service {owner[1]!r} of application {owner[0]!r}, and "
            f"{service!r} of {application!r} would open it. Name another file."
        )
        raise StoreOfAnother(str(path), message)


def _apply(raw: sqlite3.Connection, migration: Migration) -> None:
    for line, statement in migration.statements:
        place = f"{migration.path}:{line}"
        refuse_deferred(place, statement)
        try:
            raw.execute(statement)
        except (sqlite3.Error, sqlite3.Warning) as error:
            raise MigrationFailed(place, _not_accepted(error)) from error
        if not raw.in_transaction:
            message = "it ended the transaction. All of it is one transaction, which outgrow ends."
            raise MigrationFailed(place, message)


def _not_accepted(error: Exception) -> str:
    text = str(error)
    if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_AUTH:
        text += (
            ": a migration changes its own service's tables, and no more. No transactions, "
            "pragmas, other files, or tables named outgrow_…"
        )
    return f"{text.rstrip('.')}. Nothing was changed; correct it and start again."


def bring_up_to_date(opening: Opening) -> None:
    """
    Do what a start does to the file of *opening*, and let it go; `Opening.brought` says what.

    A trial of a file that does not exist leaves none.

    Raises:
        StoreRefused: Says why; nothing in the file was changed.
    """
    path = opening.path
    with tempfile.TemporaryDirectory(prefix="outgrow-") as folder:
        if opening.is_trial and not path.exists():
            opening.path = Path(folder, path.name)
        opening.open().raw.close()
        os.close(opening.lock)
        opening.lock = -1


def take_lock(path: Path) -> int:
    """
    Take the lock beside *path*, which the system lets go when this process ends in any way.

    Raises:
        StoreInUse: Somebody has it.
    """
    lock = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        holder = os.read(lock, 32).decode(errors="replace").strip() or "unknown"
        os.close(lock)
        message = (
            f"process {holder} has it open. A store has one writer; stop that process, "
            "or give this one another folder."
        )
        raise StoreInUse(str(path), message) from error
    try:
        os.ftruncate(lock, 0)
        os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
    except OSError:
        os.close(lock)
        raise
    return lock


def _run_all(raw: sqlite3.Connection, ddl: str) -> None:
    for _, statement in statements_of(ddl):
        raw.execute(statement)
