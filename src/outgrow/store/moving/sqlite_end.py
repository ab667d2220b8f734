"""An SQLite file as one end of a move."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final, ParamSpec, TypeVar

from outgrow.errors import MoveRefused
from outgrow.store.moving.end import KEPT_APART, META, MIGRATIONS, ROWS_PER_BATCH, End, Given, Table
from outgrow.store.moving.values import ANY
from outgrow.store.session import Row
from outgrow.store.threads import Threads

P = ParamSpec("P")
R = TypeVar("R")

HOLD_SECONDS_MAX: Final = 30.0
"""How long to wait for a unit of work that is under way."""

REFUSAL_PREFIX: Final = "outgrow_moved_"
ASIDE: Final = "move_aside"
"""The note that keeps what was put aside."""

_TABLES = (
    "select name, sql from sqlite_master where type = 'table' "
    "and name not like 'sqlite\\_%' escape '\\' order by name"
)
_TRIGGERS = (
    "select name, sql from sqlite_master where type = 'trigger' and sql is not null "
    "and name not like 'outgrow\\_moved\\_%' escape '\\'"
)


class SqliteEnd(End):
    """
    The file at *path*; its calls run in a thread, one at a time.

    Args:
        path: The file; nothing is made there.
    """

    is_ordered = True

    def __init__(self, path: Path) -> None:
        self.path = path
        self.place = str(path)
        self._raw: sqlite3.Connection | None = None
        self._threads = Threads("outgrow-move", 1)

    async def meta(self) -> dict[str, str] | None:
        return await self._aside(self._meta)

    async def note(self, notes: Mapping[str, str | None]) -> None:
        await self._aside(self._note, notes)

    async def migrations(self) -> list[tuple[int, str]]:
        sql = f"select number, name from {MIGRATIONS} order by number"  # noqa: S608 - ours
        rows = await self._aside(self._fetch, sql)
        return [(number, name.partition(".")[0]) for number, name in rows]

    async def tables(self) -> list[Table]:
        return await self._aside(self._tables)

    async def count(self, table: Table, beyond: int | None = None) -> int:
        where = "" if beyond is None else f" where {_name(table.counter)} > {beyond:d}"
        sql = f"select count(*) from {_name(table.name)}{where}"  # noqa: S608 - quoted
        ((count,),) = await self._aside(self._fetch, sql)
        return int(count)

    async def bounds(self, table: Table) -> tuple[int, int]:
        counter = _name(table.counter)
        sql = f"select min({counter}), max({counter}) from {_name(table.name)}"  # noqa: S608
        ((first, last),) = await self._aside(self._fetch, sql)
        return (first or 0, last or 0)

    async def rows(
        self, table: Table, columns: list[str], bounds: tuple[int, int] | None = None
    ) -> AsyncIterator[list[Row]]:
        names = ", ".join(map(_name, columns))
        where = ""
        if bounds is not None:
            counter = _name(table.counter)
            where = (
                f" where {counter} > {bounds[0]:d} and {counter} <= {bounds[1]:d} "
                f"order by {counter}"
            )
        sql = f"select {names} from {_name(table.name)}{where}"  # noqa: S608 - quoted
        cursor = await self._aside(lambda: self._open().execute(sql))
        try:
            while batch := await self._aside(cursor.fetchmany, ROWS_PER_BATCH):
                yield batch
        except sqlite3.Error as error:
            message = f"table {table.name!r} cannot be read: {error}."
            raise MoveRefused(self.place, message) from error
        finally:
            cursor.close()

    async def counted(self, table: Table) -> int:
        return await self._aside(self._counted, table)

    async def hold(self) -> None:
        await self._aside(self._hold)

    async def switch(self, notes: Mapping[str, str | None], refusal: str) -> None:
        await self._aside(self._switch, notes, refusal)

    async def let_go(self) -> None:
        await self._aside(self._let_go)

    async def begin_writing(self) -> None:
        await self._aside(self._begin_writing)

    async def write(self, table: Table, columns: list[str], rows: list[Row]) -> None:
        await self._aside(self._write, table, columns, rows)

    async def remove(self, table: Table, up_to: int | None = None) -> None:
        where = "" if up_to is None else f" where {_name(table.counter)} <= {up_to:d}"
        await self._aside(self._execute, f"delete from {_name(table.name)}{where}")  # noqa: S608

    async def finish_writing(
        self,
        counted: Mapping[str, int],
        sequences: Mapping[str, Given] | None = None,  # noqa: ARG002 - it has none
    ) -> None:
        await self._aside(self._finish_writing, counted)

    async def destroy(self) -> None:
        await self._aside(self._destroy)

    async def allow_writes(self) -> None:
        await self._aside(self._allow_writes)

    async def refusal_of(self, statement: str) -> str | None:
        return await self._aside(self._refusal_of, statement)

    async def close(self) -> None:
        if self._raw is not None:
            raw, self._raw = self._raw, None
            await self._aside(raw.close)
        self._threads.close()

    async def _aside(self, call: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        return await self._threads.run(partial(call, *args, **kwargs))  # type: ignore[no-any-return]

    def _open(self) -> sqlite3.Connection:
        if self._raw is None:
            raw = sqlite3.connect(
                f"{self.path.absolute().as_uri()}?mode=rw",
                uri=True,
                isolation_level=None,
                check_same_thread=False,
                timeout=HOLD_SECONDS_MAX,
            )
            raw.execute("pragma synchronous = full")
            raw.execute("pragma foreign_keys = off")
            self._raw = raw
        return self._raw

    def _destroy(self) -> None:
        if self._raw is not None:
            self._raw.close()
            self._raw = None
        for ending in ("", "-wal", "-shm"):
            Path(f"{self.path}{ending}").unlink(missing_ok=True)

    def _fetch(self, sql: str, parameters: tuple[Any, ...] = ()) -> list[Any]:
        return self._open().execute(sql, parameters).fetchall()

    def _execute(self, sql: str) -> None:
        self._open().execute(sql)

    def _meta(self) -> dict[str, str] | None:
        if not self.path.exists() or self.path.stat().st_size == 0:
            return None
        try:
            names = {name for name, _ in self._fetch(_TABLES)}
            if META in names:
                return dict(self._fetch(f"select name, value from {META}"))  # noqa: S608 - ours
        except sqlite3.DatabaseError as error:
            raise MoveRefused(self.place, f"it cannot be read: {error}.") from error
        if names:
            message = "it is a database, but no store of outgrow's. Name another place."
            raise MoveRefused(self.place, message)
        return None

    def _note(self, notes: Mapping[str, str | None]) -> None:
        raw = self._open()
        with _commit(raw):
            self._note_within(notes)

    def _note_within(self, notes: Mapping[str, str | None]) -> None:
        raw = self._open()
        for name, value in notes.items():
            raw.execute(f"delete from {META} where name = ?", (name,))  # noqa: S608 - ours
            if value is not None:
                raw.execute(f"insert into {META} values (?, ?)", (name, value))  # noqa: S608

    def _tables(self) -> list[Table]:
        found = []
        for name, sql in self._fetch(_TABLES):
            if name.lower() in KEPT_APART or sql.lower().lstrip().startswith("create virtual"):
                continue
            rows = self._fetch("select name, type, pk, hidden from pragma_table_xinfo(?)", (name,))
            columns = {column: ANY for column, _, _, hidden in rows if hidden == 0}
            keys = [(column, kind) for column, kind, pk, _ in rows if pk]
            is_counted = len(keys) == 1 and keys[0][1].lower() == "integer"
            counter = keys[0][0] if is_counted and "without rowid" not in sql.lower() else None
            found.append(Table(name, columns, counter))
        return found

    def _counted(self, table: Table) -> int:
        counter = _name(table.counter)
        sql = f"select coalesce(max({counter}), 0) from {_name(table.name)}"  # noqa: S608 - quoted
        ((last,),) = self._fetch(sql)
        if self._fetch("select 1 from sqlite_master where name = 'sqlite_sequence'"):
            for (ever,) in self._fetch(
                "select seq from sqlite_sequence where name = ?", (table.name,)
            ):
                last = max(last, ever)
        return int(last)

    def _hold(self) -> None:
        self._open().execute("begin immediate")

    def _let_go(self) -> None:
        if self._raw is not None and self._raw.in_transaction:
            self._raw.execute("rollback")

    def _switch(self, notes: Mapping[str, str | None], refusal: str) -> None:
        raw = self._open()
        assert raw.in_transaction, "it is held"
        self._note_within(notes)
        for table in self._tables():
            for verb in ("insert", "update", "delete"):
                raw.execute(
                    f"create trigger {_name(f'{REFUSAL_PREFIX}{verb}_{table.name}')} "
                    f"before {verb} on {_name(table.name)} "
                    f"begin select raise(abort, {_text(refusal)}); end"
                )
        raw.execute("commit")

    def _allow_writes(self) -> None:
        raw = self._open()
        with _commit(raw):
            for (name,) in self._fetch(
                "select name from sqlite_master where type = 'trigger' "
                "and name like 'outgrow\\_moved\\_%' escape '\\'"
            ):
                raw.execute(f"drop trigger {_name(name)}")

    def _begin_writing(self) -> None:
        raw = self._open()
        with _commit(raw):
            aside = json.loads((self._meta() or {}).get(ASIDE, "{}"))
            for name, sql in self._fetch(_TRIGGERS):
                aside[name] = sql
                raw.execute(f"drop trigger {_name(name)}")
            self._note_within({ASIDE: json.dumps(aside)})
        # Batches reach the disk with the next commit that waits for it, which is the last one.
        raw.execute("pragma synchronous = normal")

    def _write(self, table: Table, columns: list[str], rows: list[Row]) -> None:
        raw = self._open()
        marks = ", ".join("?" * len(columns))
        names = ", ".join(map(_name, columns))
        sql = f"insert into {_name(table.name)} ({names}) values ({marks})"  # noqa: S608 - quoted
        try:
            with _commit(raw):
                raw.executemany(sql, rows)
        except (sqlite3.Error, OverflowError) as error:
            message = f"a row of table {table.name!r} cannot be kept there: {error}."
            raise MoveRefused(self.place, message) from error

    def _finish_writing(self, counted: Mapping[str, int]) -> None:
        raw = self._open()
        raw.execute("pragma synchronous = full")
        broken = self._fetch("pragma foreign_key_check")
        if broken:
            table, row, parent, _ = broken[0]
            message = (
                f"{len(broken)} rows break a foreign key, such as row {row} of {table!r}, which "
                f"refers to no row of {parent!r}. Correct them in the old store, then move again."
            )
            raise MoveRefused(self.place, message)
        with _commit(raw):
            for name, last in counted.items():
                self._count_on(name, last)
            aside = json.loads((self._meta() or {}).get(ASIDE, "{}"))
            for sql in aside.values():
                raw.execute(sql)
            self._note_within({ASIDE: None})

    def _count_on(self, name: str, last: int) -> None:
        """Let the counter of the table go on behind *last*, which SQLite remembers if asked to."""
        rows = self._fetch("select sql from sqlite_master where name = ?", (name,))
        if last and rows and "autoincrement" in rows[0][0].lower():
            raw = self._open()
            raw.execute("delete from sqlite_sequence where name = ?", (name,))
            raw.execute("insert into sqlite_sequence (name, seq) values (?, ?)", (name, last))

    def _refusal_of(self, statement: str) -> str | None:
        try:
            self._open().execute(f"explain {statement}", _Anything())
        except sqlite3.Error as error:
            return str(error)
        return None


class _Anything(dict[str, None]):
    """A value for every parameter."""

    def __missing__(self, _: str) -> None:
        return None


@contextmanager
def _commit(raw: sqlite3.Connection) -> Iterator[None]:
    """One commit; within a transaction it is that one's."""
    if raw.in_transaction:
        yield
        return
    raw.execute("begin immediate")
    try:
        yield
    except BaseException:
        raw.execute("rollback")
        raise
    raw.execute("commit")


def _name(name: str | None) -> str:
    assert name is not None, "it has a counter"
    return '"' + name.replace('"', '""') + '"'


def _text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
