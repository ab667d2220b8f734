"""A PostgreSQL database as one end of a move."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import asyncpg

from outgrow.errors import MoveRefused, StatementRefused, StoreUnreachable
from outgrow.store.moving import KEPT_APART, META, MIGRATIONS, ROWS_PER_BATCH, End, Given, Table
from outgrow.store.postgres.connection import AWAY, CONNECT_SECONDS_MAX, shown
from outgrow.store.postgres.kinds import AS_THEY_ARE, KINDS, LOADERS, WRITERS, chosen
from outgrow.store.postgres.statements import translate
from outgrow.store.session import Row

HOLD_SECONDS_MAX: Final = 30.0
"""How long to wait for units of work that are under way."""

HOLD_ATTEMPTS_MAX: Final = 20

ASIDE: Final = "move_aside"
"""The note that keeps what was put aside."""

_TABLES = """
select c.relname, a.attname, format_type(a.atttypid, null),
    format_type(a.atttypid, a.atttypmod),
    pg_get_serial_sequence(format('%I.%I', n.nspname, c.relname), a.attname) is not null
from pg_class c
join pg_namespace n on n.oid = c.relnamespace and n.nspname = current_schema()
join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
where c.relkind in ('r', 'p') and not c.relispartition and a.attgenerated = ''
order by c.relname, a.attnum
"""
_SEQUENCES = """
select s.oid::regclass::text, coalesce(t.relname || '.' || a.attname, s.relname)
from pg_class s
left join pg_depend d on d.objid = s.oid and d.classid = 'pg_class'::regclass
    and d.refclassid = 'pg_class'::regclass and d.refobjsubid > 0 and d.deptype in ('a', 'i')
left join pg_class t on t.oid = d.refobjid
left join pg_attribute a on a.attrelid = t.oid and a.attnum = d.refobjsubid
where s.relkind = 'S' and s.relnamespace = current_schema()::regnamespace
order by 2
"""
_FILLED_VIEWS = """
select oid::regclass::text from pg_class
where relkind = 'm' and relispopulated and relnamespace = current_schema()::regnamespace
order by oid
"""
_CONSTRAINTS = """
select conrelid::regclass::text, conname, pg_get_constraintdef(k.oid)
from pg_constraint k join pg_namespace n on n.oid = k.connamespace
where contype = 'f' and conparentid = 0 and n.nspname = current_schema()
order by 1, 2
"""
_TRIGGERS = """
select distinct tgrelid::regclass::text from pg_trigger t
join pg_class c on c.oid = t.tgrelid join pg_namespace n on n.oid = c.relnamespace
where not tgisinternal and tgenabled = 'O' and n.nspname = current_schema()
"""
_DESTROY = """
do $outgrow$ declare one text; begin
for one in select format('drop %s if exists %I cascade',
        case relkind when 'v' then 'view' when 'm' then 'materialized view' else 'table' end,
        relname)
    from pg_class where relnamespace = current_schema()::regnamespace
        and relkind in ('v', 'm', 'r', 'p') order by relkind desc
loop execute one; end loop;
for one in select format('drop routine if exists %s cascade', p.oid::regprocedure)
    from pg_proc p where pronamespace = current_schema()::regnamespace
        and pg_get_userbyid(proowner) = current_user
loop execute one; end loop;
for one in select format('drop sequence if exists %I cascade', relname)
    from pg_class where relnamespace = current_schema()::regnamespace and relkind = 'S'
loop execute one; end loop;
for one in select format('drop type if exists %I cascade', typname)
    from pg_type where typnamespace = current_schema()::regnamespace and typtype in ('e', 'd', 'c')
        and pg_get_userbyid(typowner) = current_user
loop execute one; end loop;
end $outgrow$
"""
_REFUSE = """
create or replace function outgrow_moved() returns trigger language plpgsql
as $outgrow$ begin raise exception '%', tg_argv[0]; end $outgrow$
"""


class PostgresEnd(End):
    """
    The database at *url*.

    Args:
        url: With what is needed to log in as the service's role.
    """

    is_ordered = False

    def __init__(self, url: str) -> None:
        self._url = url
        self.place = shown(url)
        self._raw: Any = None
        self._held: Any = None

    async def meta(self) -> dict[str, str] | None:
        names = {row[0] for row in await self._fetch(_TABLES)}
        if META in names:
            return dict(await self._fetch(f"select name, value from {META}"))  # noqa: S608 - ours
        if names:
            message = (
                f"it has tables, such as {min(names)!r}, and is no store of outgrow's. Name an "
                "empty database."
            )
            raise MoveRefused(self.place, message)
        return None

    async def note(self, notes: Mapping[str, str | None]) -> None:
        raw = await self._open()
        with self._told():
            async with raw.transaction():
                await self._note_within(notes)

    async def migrations(self) -> list[tuple[int, str]]:
        sql = f"select number, name from {MIGRATIONS} order by number"  # noqa: S608 - ours
        return [(int(number), name.partition(".")[0]) for number, name in await self._fetch(sql)]

    async def tables(self) -> list[Table]:
        found: dict[str, Table] = {}
        for name, column, kind, whole_kind, is_counter in await self._fetch(_TABLES):
            if name in KEPT_APART:
                continue
            table = found.setdefault(name, Table(name, {}, None))
            table.columns[column] = KINDS.get(kind, whole_kind)
            if is_counter and table.counter is None:
                found[name] = table._replace(counter=column)
        return list(found.values())

    async def count(self, table: Table, beyond: int | None = None) -> int:
        where = "" if beyond is None else f" where {_name(table.counter)} > {beyond:d}"
        ((count,),) = await self._fetch(f"select count(*) from {_name(table.name)}{where}")  # noqa: S608
        return int(count)

    async def bounds(self, table: Table) -> tuple[int, int]:
        counter = _name(table.counter)
        sql = f"select min({counter}), max({counter}) from {_name(table.name)}"  # noqa: S608
        ((first, last),) = await self._fetch(sql)
        return (first or 0, last or 0)

    async def rows(
        self, table: Table, columns: list[str], bounds: tuple[int, int] | None = None
    ) -> AsyncIterator[list[Row]]:
        kinds = [table.columns[column] for column in columns]
        names = [chosen(_name(one), kind) for one, kind in zip(columns, kinds, strict=True)]
        where = ""
        if bounds is not None:
            counter = _name(table.counter)
            where = (
                f" where {counter} > {bounds[0]:d} and {counter} <= {bounds[1]:d} "
                f"order by {counter}"
            )
        sql = f"select {', '.join(names)} from {_name(table.name)}{where}"  # noqa: S608 - quoted
        raw = await self._open()
        with self._told():
            async with raw.transaction():
                cursor = await raw.cursor(sql)
                while batch := await cursor.fetch(ROWS_PER_BATCH):
                    yield self._loaded(table, columns, batch)

    async def counted(self, table: Table) -> int:
        counter = _name(table.counter)
        sql = f"select coalesce(max({counter}), 0) from {_name(table.name)}"  # noqa: S608 - quoted
        ((last,),) = await self._fetch(sql)
        named = "select pg_get_serial_sequence($1, $2)"
        ((sequence,),) = await self._fetch(named, _name(table.name), table.counter)
        if sequence is not None:
            sql = f"select last_value from {sequence} where is_called"  # noqa: S608 - quoted
            for (ever,) in await self._fetch(sql):
                last = max(last, ever)
        return int(last)

    async def sequences(self) -> dict[str, Given]:
        return {
            what: Given(*(await self._fetch(f"select last_value, is_called from {name}"))[0])  # noqa: S608 - quoted
            for name, what in await self._fetch(_SEQUENCES)
        }

    async def hold(self) -> None:
        raw = await self._open()
        names = ", ".join(_name(table.name) for table in await self.tables())
        for attempt in range(1, HOLD_ATTEMPTS_MAX + 1):
            held = raw.transaction(isolation="read_committed")
            with self._told("units of work that are under way do not end: "):
                await held.start()
                try:
                    await raw.execute(f"set local lock_timeout = '{HOLD_SECONDS_MAX:.0f}s'")
                    await raw.execute(f"lock table {names} in share row exclusive mode")
                except asyncpg.DeadlockDetectedError:
                    # A unit of work took these tables in another order; let it end.
                    await held.rollback()
                    if attempt == HOLD_ATTEMPTS_MAX:
                        raise
                    continue
                except BaseException:
                    await held.rollback()
                    raise
            self._held = held
            return

    async def switch(self, notes: Mapping[str, str | None], refusal: str) -> None:
        assert self._held is not None, "it is held"
        raw = await self._open()
        with self._told():
            await self._note_within(notes)
            await raw.execute(_REFUSE)
            for table in await self.tables():
                await raw.execute(
                    "create trigger outgrow_moved before insert or update or delete or truncate "
                    f"on {_name(table.name)} execute function outgrow_moved({_text(refusal)})"
                )
            held, self._held = self._held, None
            await held.commit()

    async def let_go(self) -> None:
        held, self._held = self._held, None
        if held is not None and self._raw is not None and not self._raw.is_closed():
            with self._told():
                await held.rollback()

    async def begin_writing(self) -> None:
        raw = await self._open()
        aside = json.loads((await self.meta() or {}).get(ASIDE, '{"restored": {}}'))
        with self._told():
            async with raw.transaction():
                for table, name, definition in await self._fetch(_CONSTRAINTS):
                    aside["restored"][f"{table}.{name}"] = (
                        f"alter table {table} add constraint {_name(name)} {definition}"
                    )
                    await raw.execute(f"alter table {table} drop constraint {_name(name)}")
                for (table,) in await self._fetch(_TRIGGERS):
                    aside["restored"][table] = f"alter table {table} enable trigger user"
                    await raw.execute(f"alter table {table} disable trigger user")
                await self._note_within({ASIDE: json.dumps(aside)})

    async def write(self, table: Table, columns: list[str], rows: list[Row]) -> None:
        raw = await self._open()
        kinds = [table.columns[column] for column in columns]
        with self._told(f"a row of table {table.name!r} cannot be kept there: "):
            if _is_as_it_is(kinds, rows) and await _copied(raw, table, columns, rows):
                return
            records = [self._written(table, columns, kinds, row) for row in rows]
            if all(kind in WRITERS for kind in kinds):
                await raw.copy_records_to_table(table.name, records=records, columns=columns)
                return
            marks = ", ".join(
                f"${n}" if kind in WRITERS else f"${n}::text::{kind}"
                for n, kind in enumerate(kinds, start=1)
            )
            names = ", ".join(map(_name, columns))
            await raw.executemany(
                f"insert into {_name(table.name)} ({names}) "  # noqa: S608 - quoted
                f"overriding system value values ({marks})",
                records,
            )

    async def remove(self, table: Table, up_to: int | None = None) -> None:
        where = "" if up_to is None else f" where {_name(table.counter)} <= {up_to:d}"
        raw = await self._open()
        with self._told():
            await raw.execute(f"delete from {_name(table.name)}{where}")  # noqa: S608 - quoted

    async def finish_writing(
        self, counted: Mapping[str, int], sequences: Mapping[str, Given] | None = None
    ) -> None:
        raw = await self._open()
        aside = json.loads((await self.meta() or {}).get(ASIDE, '{"restored": {}}'))
        with self._told("what was copied does not fit together: "):
            async with raw.transaction():
                for statement in aside["restored"].values():
                    await raw.execute(statement)
                for table in await self.tables():
                    if table.counter is not None:
                        await self._count_on(table, counted.get(table.name, 0))
                for name, what in await self._fetch(_SEQUENCES):
                    if sequences and what in sequences:
                        await self._fetch("select setval($1, $2, $3)", name, *sequences[what])
                for (name,) in await self._fetch(_FILLED_VIEWS):
                    await raw.execute(f"refresh materialized view {name}")
                await self._note_within({ASIDE: None})

    async def destroy(self) -> None:
        raw = await self._open()
        with self._told():
            await raw.execute(_DESTROY)

    async def allow_writes(self) -> None:
        raw = await self._open()
        with self._told():
            await raw.execute("drop function if exists outgrow_moved() cascade")

    async def refusal_of(self, statement: str) -> str | None:
        raw = await self._open()
        try:
            await raw.prepare(translate(statement).sql)
        except (asyncpg.PostgresError, StatementRefused) as error:
            return str(error)
        return None

    async def close(self) -> None:
        if self._raw is not None:
            raw, self._raw, self._held = self._raw, None, None
            try:
                await raw.close(timeout=CONNECT_SECONDS_MAX)
            except (
                OSError,
                TimeoutError,
                asyncpg.PostgresError,
                asyncpg.InterfaceError,
                asyncpg.InternalClientError,
            ):
                raw.terminate()

    async def _open(self) -> Any:
        if self._raw is None:
            settings = {
                "application_name": "outgrow store move",
                "idle_in_transaction_session_timeout": "0",
                "statement_timeout": "0",
                "timezone": "UTC",
                "datestyle": "ISO",
                "intervalstyle": "postgres",
            }
            with self._told():
                self._raw = await asyncpg.connect(
                    self._url,
                    timeout=CONNECT_SECONDS_MAX,
                    statement_cache_size=0,
                    server_settings=settings,
                )
        return self._raw

    async def _fetch(self, sql: str, *values: Any) -> list[Any]:
        raw = await self._open()
        with self._told():
            found: list[Any] = await raw.fetch(sql, *values)
            return found

    async def _note_within(self, notes: Mapping[str, str | None]) -> None:
        for name, value in notes.items():
            await self._raw.execute(f"delete from {META} where name = $1", name)  # noqa: S608
            if value is not None:
                await self._raw.execute(
                    f"insert into {META} (name, value) values ($1, $2)",  # noqa: S608 - ours
                    name,
                    value,
                )

    async def _count_on(self, table: Table, last: int) -> None:
        """Let the counter of *table* go on behind *last*, and behind all that is there."""
        last = max(last, await self.counted(table))
        if last:
            sql = "select setval(pg_get_serial_sequence($1, $2), $3)"
            await self._fetch(sql, _name(table.name), table.counter, last)

    def _written(self, table: Table, columns: list[str], kinds: list[str], row: Row) -> Row:
        """*row* as asyncpg takes it."""
        writers = [(n, WRITERS.get(kind, str)) for n, kind in enumerate(kinds)]
        return _converted(self.place, table, columns, writers, row)

    def _loaded(self, table: Table, columns: list[str], rows: list[Any]) -> list[Row]:
        """*rows* of asyncpg as SQLite keeps them."""
        kinds = [table.columns[column] for column in columns]
        loaders = [
            (n, load) for n, kind in enumerate(kinds) if (load := LOADERS.get(kind)) is not None
        ]
        return [_converted(self.place, table, columns, loaders, row) for row in rows]

    @contextmanager
    def _told(self, before: str = "") -> Iterator[None]:
        """Tell what PostgreSQL says in words of outgrow's."""
        try:
            yield
        except AWAY as error:
            raise StoreUnreachable(self.place, f"{type(error).__name__}: {error}") from error
        except (asyncpg.PostgresError, asyncpg.DataError) as error:
            detail = getattr(error, "detail", None)
            text = f"{before}{error}".rstrip(".") + (f" ({detail.rstrip('.')})" if detail else "")
            raise MoveRefused(self.place, f"{text}.") from error


def _is_as_it_is(kinds: list[str], rows: list[Row]) -> bool:
    """Whether *rows* may be copied as they are: asyncpg cuts what is behind the point."""
    whole = [n for n, kind in enumerate(kinds) if kind == "integer"]
    is_cut = any(type(row[n]) is float for row in rows for n in whole)
    return AS_THEY_ARE.issuperset(kinds) and not is_cut


async def _copied(raw: Any, table: Table, columns: list[str], rows: list[Row]) -> bool:
    """Copy *rows* as they are; False if a value is not of its column's kind."""
    try:
        await raw.copy_records_to_table(table.name, records=rows, columns=columns)
    except (asyncpg.DataError, TypeError, ValueError, OverflowError):
        return False
    return True


def _converted(
    place: str,
    table: Table,
    columns: list[str],
    converters: list[tuple[int, Callable[[Any], Any]]],
    row: Any,
) -> Row:
    """*row* with what *converters* make of some of its columns."""
    values = list(row)
    for index, convert in converters:
        if values[index] is None:
            continue
        try:
            values[index] = convert(values[index])
        except (ValueError, TypeError, ArithmeticError) as error:
            column, value = columns[index], values[index]
            named = columns.index(table.counter) if table.counter in columns else 0
            message = (
                f"column {column!r} of table {table.name!r} keeps {table.columns[column]}, and a "
                f"row has {value!r:.80}, which would not arrive as it is: {error}. It is the row "
                f"whose {columns[named]} is {row[named]!r:.80}. Correct it in the old store, or "
                "declare the column otherwise for PostgreSQL in 0001_name.postgresql.sql."
            )
            raise MoveRefused(place, message) from error
    return tuple(values)


def _name(name: str | None) -> str:
    assert name is not None, "it has a counter"
    return '"' + name.replace('"', '""') + '"'


def _text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
