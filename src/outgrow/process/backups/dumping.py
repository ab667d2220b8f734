"""Backups of a store in PostgreSQL, by its own programs: ``pg_dump`` and ``pg_restore``."""

from __future__ import annotations

import asyncio
import os
import subprocess
import tempfile
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl, unquote, urlsplit

from outgrow.clock import Clock
from outgrow.errors import StoreInUse, StoreOfAnother, StoreRefused, StoreUnreadable
from outgrow.journal import JOURNAL_TABLE
from outgrow.process.backups.making import drafted, finish
from outgrow.process.backups.note import Backup
from outgrow.process.databases import find_binaries
from outgrow.store.creating import ask_database
from outgrow.store.moving import refuse_moved
from outgrow.topology import shown

KIND: Final = "pg_dump"
POSITIONS_SKIPPED: Final = 1_000_000

_META: Final = "select name, value from outgrow_meta"
_END: Final = f"select coalesce(max(position), 0) from {JOURNAL_TABLE}"  # noqa: S608 - ours
_APPLIED: Final = "select count(*) from outgrow_migrations"
_TABLES: Final = (
    "select count(*) from pg_tables where schemaname not in ('pg_catalog', 'information_schema')"
)
_OTHERS: Final = (
    "select count(*) from pg_stat_activity where datname = current_database() "
    "and pid <> pg_backend_pid() and backend_type = 'client backend'"
)
_GO_ON: Final = "select setval(pg_get_serial_sequence('{table}', 'position'), {position})"


async def dump(url: str, to: Path, *, application: str, service: str, clock: Clock) -> Backup:
    """
    Copy the database at *url* to the file *to*, as it is now; the application may run.

    The note tells of the journal what it held when the dump began, or somewhat less.

    Raises:
        StoreRefused: It is of another, a move has left it, or it cannot be read or written.
    """
    made_at = clock.now()
    meta, end, applied = await ask_database(url, _META, _END, _APPLIED)
    notes: list[Any] = list(meta)
    _check_owner(shown(url), dict(notes), application, service)
    refuse_moved(shown(url), dict(notes))
    with drafted(to) as draft:
        options = ["--format=custom", "--no-owner", "--no-privileges", "--file", str(draft)]
        await _run("pg_dump", options, url)
        await _run("pg_restore", ["--file", os.devnull, str(draft)])  # It can be read whole.
        await asyncio.to_thread(_keep, draft)
        backup = await asyncio.to_thread(
            Backup.of,
            draft,
            application=application,
            service=service,
            kind=KIND,
            made_at=made_at,
            journal_position=_number(end),
            migrations=_number(applied),
        )
        await asyncio.to_thread(finish, draft, to, backup)
    return backup


async def bring_back(url: str, file: Path, backup: Backup, heard: int) -> None:
    """
    Fill the empty database at *url* from the dump *file*, wholly or not at all.

    Args:
        url: A database without tables.
        file: What `dump` wrote.
        backup: What its note says.
        heard: The highest position of its journal that anybody has heard.

    Raises:
        StoreRefused: The database is in use or not empty, or does not take the dump.
    """
    place = shown(url)
    others, tables = await ask_database(url, _OTHERS, _TABLES)
    if _number(others):
        message = f"{_number(others)} others are connected to it. Stop the application first."
        raise StoreInUse(place, message)
    if _number(tables):
        message = (
            f"it has {_number(tables)} tables, and a dump is restored into an empty database only. "
            "Let its administrator rename it (alter database ... rename to ...), which keeps what "
            "was there, and make it anew: outgrow store create. In the embedded server take "
            "another state folder: --state DIR."
        )
        raise StoreRefused(place, message)
    position = max(backup.journal_position + POSITIONS_SKIPPED, heard)
    go_on = _GO_ON.format(table=JOURNAL_TABLE, position=position)
    with tempfile.TemporaryDirectory(prefix="outgrow-") as folder:
        script = f"{folder}/restore.sql"
        await _run("pg_restore", ["--no-owner", "--no-privileges", "--file", script, str(file)])
        options = ["--no-psqlrc", "--quiet", "--single-transaction", "--set=ON_ERROR_STOP=1"]
        # The script leaves no path to search for tables.
        steps = [f"--file={script}", "--command=reset search_path", f"--command={go_on}"]
        await _run("psql", [*options, *steps], url)


def _keep(file: Path) -> None:
    """Let *file* be read by its user only, and outlast a loss of power."""
    file.chmod(0o600)
    with file.open("rb+") as opened:
        os.fsync(opened.fileno())


def _check_owner(place: str, meta: dict[Any, Any], application: str, service: str) -> None:
    owner = (meta.get("application"), meta.get("service"))
    if owner != (application, service):
        message = (
            f"it belongs to service {owner[1]!r} of application {owner[0]!r}, and {service!r} of "
            f"{application!r} is to be backed up. Name another database."
        )
        raise StoreOfAnother(place, message)


def _number(rows: list[tuple[object, ...]]) -> int:
    ((number,),) = rows
    assert isinstance(number, int)
    return number


def _without_password(url: str) -> tuple[str, str | None]:
    """*url* without its password, and that, wherever it stands."""
    parts = urlsplit(url)
    password = None
    kept = []
    for pair in parts.query.split("&"):
        match parse_qsl(pair):
            case [("password", value)]:
                password = value
            case _:
                kept.append(pair)
    if parts.password is not None:
        password = unquote(parts.password)
        user, _, host = parts.netloc.rpartition("@")
        parts = parts._replace(netloc=f"{user.partition(':')[0]}@{host}")
    query = f"?{'&'.join(kept)}" if any(kept) else ""
    return f"{parts.scheme}://{parts.netloc}{parts.path}{query}", password


async def _run(program: str, options: list[str], url: str | None = None) -> None:
    """Run a program of PostgreSQL; a password goes by its environment, where others cannot look."""
    environment = dict(os.environ)
    command = [str(find_binaries() / program), *options]
    if url is not None:
        address, password = _without_password(url)
        if password is not None:
            environment["PGPASSWORD"] = password
        command.append(f"--dbname={address}")
    done = await asyncio.to_thread(
        subprocess.run, command, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        place = options[-1] if url is None else shown(url)
        told = " ".join(done.stderr.split())[-1_000:]
        message = (
            f"{program} ended with status {done.returncode}: {told}. Nothing was changed. If it "
            "is of an older version than the server, use the server's own, or the platform's."
        )
        raise (StoreUnreadable if url is None else StoreRefused)(place, message)
