"""Copies of an SQLite store: made while it is in use, looked into, and brought back."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from outgrow.errors import StoreInUse, StoreRefused, StoreUnreadable
from outgrow.store.migrating import Applied, pending_of, read_migrations
from outgrow.store.session import Row
from outgrow.store.sqlite.connection import LOCK_WAIT_SECONDS
from outgrow.store.sqlite.opening import Opening, check_owner, take_lock
from outgrow.store.sqlite.places import refusal, refuse_network

PAGES_PER_STEP = 256
POSITIONS_SKIPPED = 1000000
_SIDES = ("-wal", "-shm")

Tell = Callable[[int, int], None]
"""Told how many pages are done, and of how many."""


class Contents(NamedTuple):
    """
    What is in a store.

    Attributes:
        meta: What outgrow has noted: whose it is, and the versions of its tables.
        migrations: How many of the service's migrations were applied.
        positions: The last number that each table which counts its rows has given.
    """

    meta: dict[str, str]
    migrations: list[Applied]
    positions: dict[str, int]


def copy_store(path: Path, to: Path, *, application: str, service: str, tell: Tell) -> Contents:
    """
    Copy the store in *path* to *to*, as it is now; somebody may have it open and write.

    Nobody waits for it, but the log can only grow until it is done. The copy is checked whole,
    and needs no log beside it.

    Raises:
        StoreRefused: It is not there, of another, damaged, or the copy cannot be written.
    """
    with _reading(path) as raw:
        raw.execute("begin")
        contents = _contents_of(raw)
        check_owner(path, contents.meta, application, service)
        try:
            os.close(os.open(to, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        except OSError as error:
            raise refusal(to, error) from error
        with _opened(to, "rw") as copy:
            copy.execute("pragma journal_mode = off")
            copy.execute("pragma synchronous = off")
            raw.backup(
                copy,
                pages=PAGES_PER_STEP,
                progress=lambda _, left, pages: tell(pages - left, pages),
            )
    with _opened(to, "rw") as copy:
        copy.execute("pragma journal_mode = delete")
        _check_whole(to, copy)
    _sync(to)
    return contents


def look_into(path: Path, *, is_checked: bool = False) -> Contents:
    """
    What is in the store in *path*, which somebody may have open.

    Args:
        path: The file.
        is_checked: Whether to see first that every page of it can be read.

    Raises:
        StoreRefused: It is not there, or cannot be read.
    """
    with _reading(path) as raw:
        if is_checked:
            _check_whole(path, raw)
        return _contents_of(raw)


def ask_store(path: Path, sql: str, parameters: Row = ()) -> list[Row]:
    """
    Ask the store in *path*, which somebody may have open.

    Raises:
        StoreRefused: It is not there, or cannot be read.
    """
    with _reading(path) as raw:
        return raw.execute(sql, parameters).fetchall()


def bring_back(opening: Opening, copy: Path, positions: Mapping[str, int], aside: Path) -> bool:
    """
    Put *copy* in the place of the store that *opening* names, which nobody may have open.

    All is checked before anything is changed. What was there is kept as *aside*, whole and
    without a log. Numbers that the old store has given are not given again, because others may
    remember them; of one that cannot be read, `POSITIONS_SKIPPED` are taken as given.

    Args:
        opening: What the store is opened with.
        copy: A copy that `copy_store` made.
        positions: Numbers of tables that were given at least.
        aside: Where what is there now is kept.

    Returns:
        Whether there was something.

    Raises:
        StoreRefused: It is in use, or the copy is of another, newer, or damaged.
    """
    path = opening.path
    refuse_network(path, opening.mounts)
    migrations = read_migrations(opening.migrations)
    contents = look_into(copy, is_checked=True)
    opening.check_meta(copy, contents.meta)
    pending_of(str(copy), contents.migrations, migrations)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = take_lock(path)
    except OSError as error:
        raise refusal(path, error) from error
    try:
        return _exchange(path, copy, positions, aside)
    except OSError as error:
        raise refusal(path, error) from error
    finally:
        os.close(lock)


def _exchange(path: Path, copy: Path, positions: Mapping[str, int], aside: Path) -> bool:
    draft = path.with_name(f"{path.name}.restoring")
    is_there = path.exists()
    try:
        import shutil  # noqa: PLC0415 - what is imported here nobody needs at the start

        shutil.copyfile(copy, draft)
        _give(draft, path if is_there else path.parent)
        _give(path.with_name(f"{path.name}.lock"), path if is_there else path.parent)
        with _opened(draft, "rw") as raw:
            _check_whole(draft, raw)
            _go_on_from(raw, positions, _fold(path) if is_there else None)
        _sync(draft)
        if is_there:
            _keep(path, aside)
        # What is in its place is the old one without a log, and from here on the new one.
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    _sync(path.parent)
    return is_there


def _go_on_from(
    raw: sqlite3.Connection, positions: Mapping[str, int], old: Mapping[str, int] | None
) -> None:
    """Let tables give no number again that was given already, as far as that is known."""
    own = _positions_of(raw)
    if old is None:
        ours = [table for table in own if table.startswith("outgrow_")]
        old = {table: own[table] + POSITIONS_SKIPPED for table in ours}
    for table in {*own, *positions, *old}:
        there = "select 1 from sqlite_master where type = 'table' and name = ?"
        if not raw.execute(there, (table,)).fetchall():
            continue
        last = max(source.get(table, 0) for source in (own, positions, old))
        raw.execute("delete from sqlite_sequence where name = ?", (table,))
        raw.execute("insert into sqlite_sequence (name, seq) values (?, ?)", (table, last))


def _fold(path: Path) -> dict[str, int] | None:
    """Move the log into the file for good; the numbers given, if it can be read."""
    try:
        with _opened(path, "rw") as raw:
            positions = _positions_of(raw)
            raw.execute("pragma wal_checkpoint(truncate)")
            mode = raw.execute("pragma journal_mode = delete").fetchone()[0]
    except StoreUnreadable:  # It is damaged; perhaps it is replaced because of that.
        return None
    if mode != "delete":
        message = "another program reads it, such as a backup. Wait until that has ended."
        raise StoreInUse(str(path), message)
    return positions


def _keep(path: Path, aside: Path) -> None:
    """Let *aside* be another name of the file, and of a log that could not be moved into it."""
    for side in ("", *_SIDES):
        source, target = Path(f"{path}{side}"), Path(f"{aside}{side}")
        if source.exists():
            os.link(source, target)
            if side:
                source.unlink()
    _sync(path.parent)


@contextmanager
def _reading(path: Path) -> Iterator[sqlite3.Connection]:
    if not path.is_file():
        raise StoreRefused(str(path), "there is no such file. Name the file of a store.")
    with _opened(path, "ro") as raw:
        yield raw


@contextmanager
def _opened(path: Path, mode: str) -> Iterator[sqlite3.Connection]:
    """
    The file in *path*, which must exist.

    Args:
        path: The file.
        mode: ``ro`` or ``rw``.
    """
    raw = None
    try:
        raw = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode={mode}",
            uri=True,
            isolation_level=None,
            timeout=LOCK_WAIT_SECONDS,
            check_same_thread=False,
        )
        yield raw
    except sqlite3.Error as error:
        raise refusal(path, error) from error
    finally:
        if raw is not None:
            raw.close()


def _contents_of(raw: sqlite3.Connection) -> Contents:
    tables = {name for (name,) in raw.execute("select name from sqlite_master")}
    if not {"outgrow_meta", "outgrow_migrations"} <= tables:
        return Contents({}, [], {})
    meta = dict(raw.execute("select name, value from outgrow_meta"))
    applied = raw.execute("select number, name, checksum from outgrow_migrations order by number")
    return Contents(meta, [Applied._make(row) for row in applied], _positions_of(raw))


def _positions_of(raw: sqlite3.Connection) -> dict[str, int]:
    there = raw.execute("select 1 from sqlite_master where name = 'sqlite_sequence'").fetchall()
    return dict(raw.execute("select name, seq from sqlite_sequence")) if there else {}


def _check_whole(path: Path, raw: sqlite3.Connection) -> None:
    (verdict,) = raw.execute("pragma quick_check(1)").fetchone()
    if verdict != "ok":
        raise refusal(path, sqlite3.DatabaseError(verdict))


def _give(path: Path, like: Path) -> None:
    """Let *path* belong to whom *like* belongs to, if the superuser brings back another's store."""
    if os.geteuid() == 0:
        status = like.stat()
        os.chown(path, status.st_uid, status.st_gid)


def _sync(path: Path) -> None:
    """Let what was written to the file or folder *path* outlast a loss of power."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
