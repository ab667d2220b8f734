"""A service's tables by Alembic's revisions, on the store's own connection and transaction."""

from __future__ import annotations

import asyncio
import io
import os
import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import Connection, MetaData
from sqlalchemy.types import TypeDecorator
from sqlalchemy.util import greenlet_spawn

from outgrow.errors import MigrationFailed, StatementRefused, StoreUnreadable
from outgrow.store.alchemy.postgres import connect_postgres
from outgrow.store.alchemy.sessions import Access
from outgrow.store.alchemy.sqlite import connect_sqlite

_CONNECTION = "connection"
_TEMPLATE = "script.py.mako"

_in_use = threading.Lock()
"""Alembic's context is one for the process."""

_in_use_on_loop = asyncio.Lock()


class Unguarded:
    """
    A connection of the store's, handed out to make tables.

    What may be done with it is said by its database's own guard, and by *check*.
    """

    opening = ""
    keeper = None

    def __init__(self, raw: Any, check: Callable[[str], None]) -> None:
        self.raw = raw
        self.check = check
        self.end: BaseException | None = None
        self.failure: BaseException | None = None
        self.has_ended = False

    def own(self, sql: str) -> None:
        """Run what Alembic may not: nothing."""
        raise sqlite3.ProgrammingError(f"{sql}: a migration is one transaction")

    def explain(self, sql: str, error: Exception) -> BaseException:  # noqa: ARG002 - as `Access`
        """Say it as it is; the whole migration is taken back."""
        return error


def run_migrations(metadata: MetaData, **options: Any) -> None:
    """
    What ``env.py`` calls: run the revisions on the connection that outgrow has opened.

    Args:
        metadata: What the models describe, for ``outgrow store revision``.
        options: More for Alembic's ``context.configure``.
    """
    # Alembic is imported where it is needed: most who use sessions never do.
    from alembic import context, util  # noqa: PLC0415

    connection = context.config.attributes.get(_CONNECTION)
    if connection is None:
        message = (
            "this env.py has no address of a database: outgrow runs it on the connection of the "
            "store. Use 'outgrow store migrate', or 'outgrow store revision SERVICE -m TEXT'."
        )
        raise util.CommandError(message)
    _configure(context, connection, target_metadata=metadata, **options)
    with context.begin_transaction():
        context.run_migrations()


def upgrade_sqlite(raw: sqlite3.Connection, folder: Path, place: str) -> list[str]:
    """
    Bring the tables behind *raw*, whose transaction is open, to the last revision in *folder*.

    Returns:
        What was applied, as it is told.

    Raises:
        MigrationFailed: A revision was not accepted.
        StoreUnreadable: A revision was applied that is not in *folder*.
    """
    access = Unguarded(raw, lambda _: None)
    with _in_use, _explained(folder), connect_sqlite(access) as connection:
        return _upgrade(connection, access, folder, place)


async def upgrade_postgres(
    raw: Any, folder: Path, place: str, check: Callable[[str], None]
) -> list[str]:
    """
    As `upgrade_sqlite`, on a connection of asyncpg.

    Args:
        check: Raises if a statement may not run.
    """
    access = Unguarded(raw, check)

    def upgrade() -> list[str]:
        with _in_use, _explained(folder), connect_postgres(access) as connection:
            return _upgrade(connection, access, folder, place)

    async with _in_use_on_loop:
        return await greenlet_spawn(upgrade)


def make_revision(raw: sqlite3.Connection, folder: Path, text: str) -> list[Path]:
    """
    Write a revision with what the models have and the tables behind *raw* do not.

    Args:
        raw: A store with all revisions so far.
        text: What the revision is called.

    Raises:
        MigrationFailed: The models cannot be compared.
    """
    import alembic  # noqa: PLC0415 - as above
    from alembic import command  # noqa: PLC0415

    if not (folder / _TEMPLATE).exists():
        templates = Path(alembic.__file__).parent / "templates"
        shutil.copy(templates / "generic" / _TEMPLATE, folder)
    access = Unguarded(raw, lambda _: None)
    with _in_use, _explained(folder), connect_sqlite(access) as connection, connection.begin():
        try:
            # It tells what it writes, and so do we.
            with redirect_stdout(io.StringIO()):
                made = command.revision(
                    _config(folder, connection), message=text, autogenerate=True
                )
        finally:
            access.has_ended = True
    scripts = made if isinstance(made, list) else [made]
    return [Path(script.path) for script in scripts if script is not None]


def _upgrade(connection: Connection, access: Access, folder: Path, place: str) -> list[str]:
    from alembic import command  # noqa: PLC0415 - as above

    config = _config(folder, connection)
    scripts = _scripts(config)
    with connection.begin():
        try:
            pending = _pending(connection, scripts, place)
            if pending and (folder / "env.py").is_file():
                command.upgrade(config, "head")
            elif pending:
                _upgrade_plainly(connection, config, scripts)
        finally:
            access.has_ended = True  # What follows is the store's.
    return pending


def _pending(connection: Connection, scripts: Any, place: str) -> list[str]:
    from alembic.runtime.migration import MigrationContext  # noqa: PLC0415 - as above

    heads = MigrationContext.configure(connection).get_current_heads()
    known = {script.revision: script for script in scripts.walk_revisions()}
    for head in heads:
        if head not in known:
            message = (
                f"revision {head!r} was applied to it, which this version of the service does not "
                "have: a newer one opened it. Run that one."
            )
            raise StoreUnreadable(place, message)
    return _split(scripts, heads)[1]


def revisions_of(folder: Path, heads: Sequence[str]) -> tuple[list[str], list[str]]:
    """What was applied to a store that is at *heads*, and what is pending, in order."""
    return _split(_scripts(_config(folder, None)), heads)


class Told(NamedTuple):
    """
    What a revision does, without doing it.

    Attributes:
        path: Its file.
        sql: In PostgreSQL's words; None if it asks the database first.
    """

    path: Path
    sql: str | None


def tell_revisions(folder: Path) -> list[Told]:
    """
    What the revisions in *folder* do, from the first on.

    Raises:
        MigrationFailed: Their history cannot be read.
    """
    config = _config(folder, None)
    with _in_use, _explained(folder):
        scripts = _scripts(config)
        revisions = list(scripts.walk_revisions())[::-1]
        return [Told(Path(one.path), _sql_of(config, scripts, one)) for one in revisions]


def _sql_of(config: Any, scripts: Any, revision: Any) -> str | None:
    from alembic.runtime.environment import EnvironmentContext  # noqa: PLC0415 - as above

    written = io.StringIO()
    before = revision.down_revision
    options = {"as_sql": True, "starting_rev": before, "destination_rev": revision.revision}

    def upgrade(at: Any, _: Any) -> Any:
        return scripts._upgrade_revs(revision.revision, at)  # noqa: SLF001 - as alembic.command does

    try:
        with EnvironmentContext(config, scripts, fn=upgrade, **options) as environment:
            environment.configure(
                dialect_name="postgresql",
                output_buffer=written,
                literal_binds=True,
                transactional_ddl=False,
            )
            environment.run_migrations()
    except Exception:  # noqa: BLE001 - a border: what a revision asks of no database may fail anyhow
        return None
    return written.getvalue()


def _split(scripts: Any, heads: Sequence[str]) -> tuple[list[str], list[str]]:
    known = {script.revision: script for script in scripts.walk_revisions()}
    known_heads = [head for head in heads if head in known]
    done = {one.revision for head in known_heads for one in scripts.iterate_revisions(head, "base")}
    names = {rev: f"{rev} ({one.doc})" for rev, one in reversed(known.items())}
    pending = [name for rev, name in names.items() if rev not in done]
    return [name for rev, name in names.items() if rev in done], pending


def _scripts(config: Any) -> Any:
    from alembic.script import ScriptDirectory  # noqa: PLC0415 - as above

    return ScriptDirectory.from_config(config)


def _upgrade_plainly(connection: Connection, config: Any, scripts: Any) -> None:
    from alembic.runtime.environment import EnvironmentContext  # noqa: PLC0415 - as above

    def upgrade(revision: Any, _: Any) -> Any:
        return scripts._upgrade_revs("head", revision)  # noqa: SLF001 - as alembic.command does

    with EnvironmentContext(config, scripts, fn=upgrade) as environment:
        _configure(environment, connection)
        environment.run_migrations()


def _configure(environment: Any, connection: Connection, **options: Any) -> None:
    chosen = {
        "render_as_batch": True,  # SQLite changes little of a table that is there.
        "render_item": _render,
        "include_name": lambda name, kind, _: (
            kind != "table" or not str(name).startswith("outgrow_")
        ),
        "transaction_per_migration": False,
    }
    environment.configure(connection=connection, **chosen | options)


def _is_reserved(name: str | None) -> bool:
    return (name or "").startswith("outgrow_")


def _render(kind: str, item: Any, _: Any) -> Any:
    """Columns of outgrow's own types as what they are in the database."""
    if kind == "type" and isinstance(item, TypeDecorator):
        module = type(item).__module__
        if module.startswith("outgrow."):
            return f"sa.{item.impl_instance!r}"
    return False


def _config(folder: Path, connection: Connection | None) -> Any:
    from alembic.config import Config  # noqa: PLC0415 - as above

    config = Config(stdout=io.StringIO())
    config.set_main_option("script_location", str(folder).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes[_CONNECTION] = connection
    return config


@contextmanager
def _explained(folder: Path) -> Iterator[None]:
    """Turn what a revision raises into one error, with its place."""
    try:
        yield
    except StoreUnreadable:
        raise
    except Exception as error:  # a border: revisions are the user's code
        raise MigrationFailed(_place(folder, error), _reason(error)) from error


def _reason(error: Exception) -> str:
    if isinstance(error, StatementRefused):
        text = "all revisions are one transaction, which outgrow ends"
    elif isinstance(error, MigrationFailed):
        return str(error).removeprefix(f"{error.place}: ")
    else:
        text = str(getattr(error, "orig", None) or error).rstrip(".") or type(error).__name__
    if text == "not authorized":
        text += ": a migration changes its own service's tables, and no more"
    return f"{text}. Nothing was changed; correct it and start again."


def _place(folder: Path, error: Exception) -> str:
    """The innermost line of *error* that stands in *folder*."""
    place, traceback = str(folder), error.__traceback__
    while traceback is not None:
        file = traceback.tb_frame.f_code.co_filename
        if file.startswith(f"{folder}{os.sep}"):
            place = f"{file}:{traceback.tb_lineno}"
        traceback = traceback.tb_next
    return place
