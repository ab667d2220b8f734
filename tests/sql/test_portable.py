"""docs/sql.md: what plain statements mean the same in both databases, and all that differs."""

from __future__ import annotations

import asyncio
import enum
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

import pytest

from outgrow.contracts import Record
from outgrow.errors import MigrationFailed, StatementFailed, StatementRefused, UnitError
from outgrow.store import Store, Transaction
from tests.sql.conftest import Make

PAGE = Path(__file__).parents[2] / "docs" / "sql.md"

TABLES = """
create table person (
    id integer primary key,
    name text not null unique,
    age integer check (age >= 0),
    score real,
    boss integer references person (id)
) strict;
create table typed (
    position integer primary key autoincrement, t text, i integer, r real, b blob
) strict;
create table account (name text primary key, cents integer not null) strict, without rowid;
"""

PEOPLE = [
    (1, "Ada", 36, 1.5, None),
    (2, "bob", None, 2.5, 1),
    (3, "Cyd", 20, None, 1),
    (4, "äda", 20, 0.25, 2),
]


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Color(enum.StrEnum):
    RED = "r"


class Point(Record):
    x: int
    y: float | None = None


class Capitals(Record):
    orderId: int  # noqa: N815 - what is tested


class Person(Record):
    id: int
    name: str
    age: int | None
    score: float | None
    boss: int | None


@pytest.fixture
async def store(make: Make) -> Store:
    store = await make(TABLES)

    async def fill(tx: Transaction) -> None:
        for number, name, age, score, boss in PEOPLE:
            await tx.execute(
                "insert into person (id, name, age, score, boss)"
                " values (:id, :name, :age, :score, :boss)",
                id=number,
                name=name,
                age=age,
                score=score,
                boss=boss,
            )

    await store.transact(fill)
    return store


VALUES: list[tuple[str, Any, Any]] = [
    ("t", str, ""),
    ("t", str, "naïve 🐢 'quoted' \\ %_ :name ? $1"),
    ("t", str, "x" * 1_000_000),
    ("t", datetime, datetime(1, 1, 1, tzinfo=UTC)),
    ("t", datetime, datetime(2030, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)),
    ("t", date, date(2030, 2, 28)),
    ("t", time, time(23, 59, 59, 1)),
    ("t", Decimal, Decimal("-12345678901234567890.0100")),
    ("t", UUID, UUID(int=2**128 - 1)),
    ("t", Color, Color.RED),
    ("t", list[int], [1, 2, 3]),
    ("t", dict[str, float], {"a": 1.5, "ä": -0.25}),
    ("t", list[Point], [Point(x=1, y=0.5)]),
    ("i", int, -(2**63)),
    ("i", int, 2**63 - 1),
    ("i", bool, True),
    ("i", bool, False),
    ("i", Level, Level.HIGH),
    ("i", timedelta, timedelta(days=-1, microseconds=3)),
    ("r", float, 0.1),
    ("r", float, -1.7976931348623157e308),
    ("r", float, 5e-324),
    ("r", float, float("inf")),
    ("b", bytes, b""),
    ("b", bytes, bytes(range(256))),
]


@pytest.mark.parametrize(
    ("column", "kind", "value"), VALUES, ids=[f"{c}-{v!r:.40}" for c, _, v in VALUES]
)
async def test_a_value_is_read_as_it_was_written(
    store: Store, column: str, kind: Any, value: Any
) -> None:
    async def unit(tx: Transaction) -> tuple[Any, Any, int]:
        insert = f"insert into typed ({column}) values (:value) returning {column}"
        returned = await tx.fetch_one(kind, insert, value=value)
        again = await tx.fetch_one(kind, f"select {column} from typed")
        # It is found by its value too.
        count = f"select count(*) from typed where {column} = :value"
        return returned, again, await tx.fetch_one(int, count, value=value)

    assert await store.transact(unit) == (value, value, 1)


@pytest.mark.parametrize("column", ["t", "i", "r", "b"])
async def test_null_is_none(store: Store, column: str) -> None:
    async def unit(tx: Transaction) -> Any:
        await tx.execute(f"insert into typed ({column}) values (:value)", value=None)
        return await tx.fetch_one(str | None, f"select {column} from typed")  # type: ignore[arg-type]

    assert await store.transact(unit) is None


class Same(NamedTuple):
    """A statement, and what it gives in both databases."""

    about: str
    kind: Any
    sql: str
    rows: list[Any]
    parameters: dict[str, Any] = {}


SAME = [
    Same("a record by names of columns", Person, "select * from person where id = 1",
         [Person(id=1, name="Ada", age=36, score=1.5, boss=None)]),
    Same("one name, used twice", int,
         "select id from person where id = :n or boss = :n order by id", [1, 2, 3], {"n": 1}),
    Same("a name in a text or a comment", str,
         "select ':n' || cast(:n as text) -- :no\n/* :nor */", [":n7"], {"n": "7"}),
    Same("a colon twice is no name", int, "select cast('5' as integer) /* ::x */", [5]),
    Same("a parameter that may be null", int,
         "select id from person where cast(:name as text) is null or name = :name order by id",
         [1, 2, 3, 4], {"name": None}),
    Same("in (…)", int, "select id from person where id in (:a, :b) order by id", [1, 3],
         {"a": 1, "b": 3}),
    Same("limit and offset", int, "select id from person order by id limit :n offset :m", [2, 3],
         {"n": 2, "m": 1}),
    Same("insert … returning", str,
         "insert into person (id, name) values (9, 'eve') returning name", ["eve"]),
    Same("update … returning", int,
         "update person set age = age + 1 where age = 20 returning age", [21, 21]),
    Same("delete … returning", str, "delete from person where id = 4 returning name", ["äda"]),
    Same("on conflict do nothing", int,
         "insert into person (id, name) values (1, 'Ada') on conflict (id) do nothing returning id",
         []),
    Same("on conflict do update", int,
         "insert into person (id, name, age) values (1, 'Ada', 4) on conflict (id) do update"
         " set age = person.age + excluded.age returning age", [40]),
    Same("on conflict … where", int,
         "insert into person (id, name, age) values (1, 'Ada', 4) on conflict (id) do update"
         " set age = excluded.age where person.age < excluded.age returning age", []),
    Same("insert … select", int,
         "insert into typed (t, i) select name, age from person where age = 20 returning i",
         [20, 20]),
    Same("update … from", int,
         "update person set age = b.age from person b where person.boss = b.id and person.id = 2"
         " returning person.age", [36]),
    Same("with", int, "with old as (select * from person where age > 30) select count(*) from old",
         [1]),
    Same("with recursive", int,
         "with recursive n (i) as (select 1 union all select i + 1 from n where i < 4)"
         " select i from n order by i", [1, 2, 3, 4]),
    Same("row_number", int,
         "select row_number() over (partition by age order by id) from person where age = 20",
         [1, 2]),
    Same("a running sum", int,
         "select sum(age) over (order by id rows unbounded preceding) from person"
         " where age is not null order by id", [36, 56, 76]),
    Same("lag", int,
         "select coalesce(lag(id) over (order by id), 0) from person order by id", [0, 1, 2, 3]),
    Same("count", int, "select count(age) from person", [3]),
    Same("count distinct", int, "select count(distinct age) from person", [2]),
    Same("sum of whole numbers is whole", int, "select sum(age) from person", [76]),
    Same("sum of nothing is null", Any, "select sum(age) from person where id > 99", [None]),
    Same("sum of real", float, "select sum(score) from person", [4.25]),
    Same("average", float, "select avg(score) from person where score > 1", [2.0]),
    Same("average of whole numbers", float,
         "select avg(cast(age as double precision)) from person where age = 20", [20.0]),
    Same("min and max", int, "select max(age) - min(age) from person", [16]),
    Same("filter", int, "select count(*) filter (where age = 20) from person", [2]),
    Same("group by … having", int,
         "select age from person group by age having count(*) > 1", [20]),
    Same("whole division cuts off", int, "select 7 / 2", [3]),
    Same("whole division of negatives", int, "select -7 / 2", [-3]),
    Same("remainder of negatives", int, "select -7 % 2", [-1]),
    Same("division of real", float, "select cast(7 as double precision) / 2", [3.5]),
    Same("cast to bigint", int, "select cast('9223372036854775807' as bigint)", [2**63 - 1]),
    Same("a comparison is a truth", bool, "select age = 20 from person where id = 3", [True]),
    Same("not, and, or", int,
         "select id from person where not (age = 20 or age is null) and id > 0", [1]),
    Same("a truth that is kept", int, "select count(*) from typed where i = :yes", [0],
         {"yes": True}),
    Same("is not distinct from, said with is", int,
         "select id from person where age is null", [2]),
    Same("case", str,
         "select case when age > 30 then 'old' else 'young' end from person where id = 1", ["old"]),
    Same("coalesce and nullif", int,
         "select coalesce(nullif(age, 20), -1) from person where id = 3",
         [-1]),
    Same("exists", int,
         "select id from person p where exists (select 1 from person c where c.boss = p.id)"
         " order by id", [1, 2]),
    Same("left join", str,
         "select coalesce(b.name, '-') from person p left join person b on b.id = p.boss"
         " order by p.id", ["-", "Ada", "Ada", "bob"]),
    Same("union, intersect, except", int,
         "select 1 as n union select 2 except select 1 order by 1", [2]),
    Same("values", int, "select column1 from (values (1), (2)) as v order by 1", [1, 2]),
    Same("a tuple is compared as a whole", int,
         "select id from person where (age, id) > (20, 3) order by id", [1, 4]),
    Same("texts by their bytes", str, "select name from person order by name",
         ["Ada", "Cyd", "bob", "äda"]),
    Same("texts are compared by their bytes", bool, "select 'B' < 'a'", [True]),
    Same("nulls, where it is said", int,
         "select id from person order by age nulls first, id", [2, 3, 4, 1]),
    Same("nulls last", int, "select id from person order by age desc nulls last, id", [1, 3, 4, 2]),
    Same("like, both in small letters", int,
         "select id from person where lower(name) like lower(:part)", [1], {"part": "AD%"}),
    Same("like with an escape", int, "select count(*) from person where '5%' like '5!%' escape '!'",
         [4]),
    Same("lower and upper of ASCII", str, "select lower('ABC') || upper('abc')", ["abcABC"]),
    Same("length counts characters", int, "select length('äöü🐢')", [4]),
    Same("substr, replace, trim", str, "select substr(replace(trim('  abc '), 'b', 'xx'), 2, 2)",
         ["xx"]),
    Same("a text and a number", str, "select 'n' || 7", ["n7"]),
    Same("null in a text is null", Any, "select 'n' || null", [None]),
    Same("an empty text is not null", int, "select count(*) from person where '' is null", [0]),
    Same("abs", int, "select abs(-3)", [3]),
    Same("a moment as text", datetime,
         "select max(m) from (select '2030-01-01T00:00:00.000000Z' as m"
         " union select '2029-12-31T23:59:59.999999Z') as moments",
         [datetime(2030, 1, 1, tzinfo=UTC)]),
    Same("between two moments", int,
         "select count(*) from person where '2030-01-01T12:00:00.000000Z' between"
         " cast(:a as text) and cast(:b as text)", [4],
         {"a": datetime(2030, 1, 1, tzinfo=UTC), "b": datetime(2030, 1, 2, tzinfo=UTC)}),
]  # fmt: skip


@pytest.mark.parametrize("same", SAME, ids=lambda same: same.about)
async def test_a_statement_gives_the_same(store: Store, same: Same) -> None:
    async def unit(tx: Transaction) -> list[Any]:
        return await tx.fetch_all(same.kind, same.sql, **same.parameters)

    assert await store.transact(unit) == same.rows


async def test_how_many_rows_were_changed_is_told(store: Store) -> None:
    async def unit(tx: Transaction) -> list[int]:
        return [
            await tx.execute("update person set age = 1"),
            await tx.execute("update person set age = 1"),
            await tx.execute("update person set age = 1 where id = 99"),
            await tx.execute("delete from person where id > 2"),
            await tx.execute("insert into typed (i) values (1), (2)"),
            await tx.execute("insert into person (id, name) values (1, 'Ada') "
                             "on conflict (id) do nothing"),
        ]  # fmt: skip

    assert await store.transact(unit) == [4, 4, 0, 2, 2, 0]


async def test_columns_may_be_called_like_types(make: Make) -> None:
    store = await make("create table t (integer integer primary key, int int, real real) strict;")

    async def unit(tx: Transaction) -> list[int]:
        await tx.execute("insert into t (int, real) values (1, 0.5), (2, 0.5)")
        return await tx.fetch_all(int, "select integer * 10 + int from t where real = 0.5")

    assert await store.transact(unit) == [11, 22]


@pytest.mark.parametrize(
    "columns",
    [
        "n integer, id integer primary key",
        "n integer, id integer not null primary key",
        "n integer, id integer constraint numbered primary key",
        "n integer, id integer not null, primary key (id)",
        'n integer, "id" integer, constraint numbered primary key ("id")',
    ],
)
async def test_a_key_of_whole_numbers_numbers_rows_however_it_is_written(
    columns: str, make: Make
) -> None:
    store = await make(f"create table t ({columns}) strict;")

    async def unit(tx: Transaction) -> list[int]:
        await tx.execute("insert into t (n) values (7), (8)")
        return await tx.fetch_all(int, "select id from t order by n")

    assert await store.transact(unit) == [1, 2]


@pytest.mark.parametrize(
    "columns",
    [
        "a integer(8)",
        "a [integer]",
        "`a` integer",
        "a datetime",
        "a text collate nocase",
        "a integer primary key desc",
        "a integer primary key on conflict replace",
    ],
)
async def test_what_only_sqlite_has_in_definitions_is_refused(
    columns: str, dialect: str, make: Make
) -> None:
    if dialect == "sqlite":
        await make(f"create table t ({columns});")
        return
    with pytest.raises(MigrationFailed, match="Nothing was changed"):
        await make(f"create table t ({columns});")


FAILING = [
    ("IntegrityError", "insert into person (id, name) values (1, 'new')"),
    ("IntegrityError", "insert into person (id, name) values (9, 'Ada')"),
    ("IntegrityError", "insert into person (id, name) values (9, null)"),
    ("IntegrityError", "insert into person (id, name, age) values (9, 'new', -1)"),
    ("IntegrityError", "insert into person (id, name, boss) values (9, 'new', 99)"),
    ("IntegrityError", "delete from person where id = 1"),
    ("OperationalError", "select * from nowhere"),
    ("OperationalError", "select nothing from person"),
    ("OperationalError", "select * from person where"),
    ("OperationalError", "insert into person (id, id) values (1, 2), (3)"),
]


@pytest.mark.parametrize(("kind", "sql"), FAILING, ids=[sql for _, sql in FAILING])
@pytest.mark.parametrize("is_first", [False, True])
async def test_a_statement_that_fails_has_the_same_kind_and_the_unit_goes_on(
    store: Store, kind: str, sql: str, is_first: bool
) -> None:
    async def unit(tx: Transaction) -> None:
        if not is_first:
            await tx.execute("update person set age = 50 where id = 4")
        with pytest.raises(StatementFailed) as caught:
            await tx.execute(sql)
        assert caught.value.kind == kind
        await tx.execute("insert into person (id, name) values (10, 'later')")

    await store.transact(unit)
    async with store.read() as snapshot:
        ids = await snapshot.fetch_all(int, "select id from person order by id")
        age = await snapshot.fetch_one(int, "select age from person where id = 4")
    assert ids == [1, 2, 3, 4, 10]
    assert age == (20 if is_first else 50)


@pytest.mark.parametrize("value", [2**63, -(2**63) - 1, object(), datetime(2030, 1, 1)])  # noqa: DTZ001
async def test_a_value_that_no_column_keeps_fails_the_statement_alone(
    store: Store, value: Any
) -> None:
    async def unit(tx: Transaction) -> int:
        with pytest.raises(StatementFailed):
            await tx.execute("insert into typed (i) values (:value)", value=value)
        return await tx.fetch_one(int, "select count(*) from typed")

    assert await store.transact(unit) == 0


async def test_a_parameter_without_a_value_fails_the_statement(store: Store) -> None:
    async def unit(tx: Transaction) -> int:
        with pytest.raises(StatementFailed):
            await tx.fetch_all(int, "select id from person where id = :id")
        return await tx.fetch_one(int, "select count(*) from person where id = :id", id=1, more=2)

    assert await store.transact(unit) == 1


async def test_a_row_that_does_not_fit_says_which_column(store: Store) -> None:
    async def unit(tx: Transaction) -> None:
        with pytest.raises(StatementFailed, match=r"fit Person.*: id, name") as caught:
            await tx.fetch_all(Person, "select id, name from person")
        assert caught.value.kind == "RowError"

    await store.transact(unit)


REFUSED = [
    "begin",
    "commit",
    "rollback",
    "savepoint mine",
    "create table mine (n integer)",
    "drop table person",
    "alter table person add column x integer",
    "pragma foreign_keys = off",
    "select * from outgrow_meta",
    'delete from "outgrow_meta"',
    "insert into outgrow_meta (name, value) values ('a', 'b')",
]


@pytest.mark.parametrize("sql", REFUSED)
async def test_what_is_not_a_services_is_refused_and_loses_the_unit(store: Store, sql: str) -> None:
    async def unit(tx: Transaction) -> None:
        await tx.execute("update person set age = 99")
        try:
            await tx.execute(sql)
        except StatementRefused:
            return

    with pytest.raises(StatementRefused):
        await store.transact(unit)
    async with store.read() as snapshot:
        assert await snapshot.fetch_one(int, "select count(*) from person where age = 99") == 0


async def test_no_update_is_lost(store: Store) -> None:
    async def fill(tx: Transaction) -> None:
        await tx.execute("insert into account values ('a', 0)")

    async def add_one(tx: Transaction) -> None:
        cents = await tx.fetch_one(int, "select cents from account where name = 'a'")
        await tx.execute("update account set cents = :cents where name = 'a'", cents=cents + 1)

    await store.transact(fill)
    async with asyncio.TaskGroup() as group:
        for _ in range(30):
            group.create_task(store.transact(add_one))
    async with store.read() as snapshot:
        assert await snapshot.fetch_one(int, "select cents from account") == 30


async def test_two_units_do_not_skew_what_each_has_read(store: Store) -> None:
    async def fill(tx: Transaction) -> None:
        await tx.execute("delete from account")
        await tx.execute("insert into account values ('a', 60), ('b', 60)")

    async def withdraw(tx: Transaction, name: str) -> None:
        if await tx.fetch_one(int, "select sum(cents) from account") >= 100:
            sql = "update account set cents = cents - 100 where name = :name"
            await tx.execute(sql, name=name)

    for _ in range(10):
        await store.transact(fill)
        async with asyncio.TaskGroup() as group:
            for name in ("a", "b"):
                group.create_task(store.transact(withdraw, name))
        async with store.read() as snapshot:
            assert await snapshot.fetch_one(int, "select sum(cents) from account") == 20


async def test_a_snapshot_sees_one_moment(store: Store) -> None:
    async def add(tx: Transaction) -> None:
        await tx.execute("insert into person (id, name) values (50, 'later')")

    async with store.read() as snapshot:
        before = await snapshot.fetch_one(int, "select count(*) from person")
        await store.transact(add)
        assert await snapshot.fetch_one(int, "select count(*) from person") == before


class Differs(NamedTuple):
    """
    A statement that is not portable.

    Attributes:
        about: The first column of its row in docs/sql.md.
        outcomes: What it gives in SQLite and in PostgreSQL; a class is the error that it raises.
        instead: What gives the same in both; None if there is nothing.
        answer: What that gives.
    """

    about: str
    kind: Any
    sql: str
    outcomes: tuple[Any, Any]
    instead: str | None = None
    answer: Any = None
    parameters: dict[str, Any] = {}


DIFFERS = [
    Differs("`like` and case", int, "select id from person where name like 'AD%'",
            ([1], []), "select id from person where lower(name) like 'ad%'", [1]),
    Differs("`like` and `\\`", int, r"select count(*) from person where 'a_c' like 'a\_c'",
            ([0], [4]), "select count(*) from person where 'a_c' like 'a!_c' escape '!'", [4]),
    Differs("order of nulls", int, "select id from person order by age, id limit 1",
            ([2], [3]), "select id from person order by age nulls last, id limit 1", [3]),
    Differs("division by zero", Any, "select 1 / (id - 1) from person where id = 1",
            ([None], StatementFailed),
            "select 1 / nullif(id - 1, 0) from person where id = 1", [None]),
    Differs("a whole number as a truth", int,
            "select id from person where id - 1 order by id limit 1",
            ([2], StatementFailed),
            "select id from person where id <> 1 order by id limit 1", [2]),
    Differs("`true` in a column of whole numbers", int,
            "select count(*) from person where id = true",
            ([1], StatementFailed), "select count(*) from person where id = 1", [1]),
    Differs("`cast(… as integer)`", int, "select cast('3000000000' as integer)",
            ([3_000_000_000], StatementFailed), "select cast('3000000000' as bigint)",
            [3_000_000_000]),
    Differs("`cast(… as real)`", float, "select cast('0.1' as real) * 10",
            ([1.0], [1.0000000149011612]), "select cast('0.1' as double precision) * 10", [1.0]),
    Differs("a text where a number is expected", int, "select count(*) from person where id = '1x'",
            ([0], StatementFailed), None),
    Differs("a wrong type into a column", str, "insert into typed (i) values ('x') returning t",
            (StatementFailed, StatementFailed), None),
    Differs("a parameter that has no type", Any, "select :n", ([1], ["1"]),
            "select cast(:n as bigint)", [1], {"n": 1}),
    Differs("average of whole numbers", Any, "select avg(age) from person where age = 20",
            ([20.0], ["20.0000000000000000"]),
            "select avg(cast(age as double precision)) from person where age = 20", [20.0]),
    Differs("`round` of a half", float, "select round(cast(2.5 as double precision))",
            ([3.0], [2.0]), None),
    Differs("`insert or replace`, `insert or ignore`", int,
            "insert or ignore into person (id, name) values (1, 'Ada') returning id",
            ([], (StatementFailed, StatementRefused)),
            "insert into person (id, name) values (1, 'Ada') on conflict (id) do nothing"
            " returning id", []),
    Differs("`rowid`", int, "select rowid from person where id = 1", ([1], StatementFailed),
            "select id from person where id = 1", [1]),
    Differs("`min` and `max` of two values", int, "select max(1, 2)", ([2], StatementFailed),
            "select case when 1 > 2 then 1 else 2 end", [2]),
    Differs("`ifnull`", int, "select ifnull(age, 0) from person where id = 2",
            ([0], StatementFailed), "select coalesce(age, 0) from person where id = 2", [0]),
    Differs("`instr`", int, "select instr('abc', 'c')", ([3], StatementFailed), None),
    Differs("`group_concat`", str, "select group_concat(name) from person where id = 1",
            (["Ada"], StatementFailed), None),
    Differs("`glob`", int, "select id from person where name glob 'A*'", ([1], StatementFailed),
            "select id from person where substr(name, 1, 1) = 'A'", [1]),
    Differs("a text in double quotes", str, 'select "Ada"', (["Ada"], StatementFailed),
            "select 'Ada'", ["Ada"]),
    Differs("JSON functions", int, "select json_extract('{\"a\": 7}', '$.a')",
            ([7], StatementFailed), None),
    Differs("dates by functions", Any, "select date('2030-01-31', '+1 day')",
            (["2030-02-01"], StatementFailed), None),
    Differs("`==`", int, "select id from person where id == 1", ([1], StatementFailed),
            "select id from person where id = 1", [1]),
    Differs("columns that `group by` does not name", str,
            "select name from person where id = 1 group by age", (["Ada"], StatementFailed),
            "select max(name) from person where id = 1 group by age", ["Ada"]),
    Differs("a name in capitals", Capitals, "select 1 as orderId",
            ([Capitals(orderId=1)], StatementFailed), 'select 1 as "orderId"',
            [Capitals(orderId=1)]),
    Differs("characters of no text", int, "insert into typed (t) values (:t) returning 1",
            ([1], StatementFailed), None, None, {"t": "a\0b"}),
    Differs("not a number", Any, "insert into typed (r) values (:r) returning r",
            ([None], "nan"), None, None, {"r": float("nan")}),
    Differs("what is no statement", int, "nonsense", (StatementFailed, StatementRefused), None),
]  # fmt: skip


@pytest.mark.parametrize("differs", DIFFERS, ids=lambda differs: differs.about)
async def test_what_differs_differs_as_the_page_says(
    store: Store, dialect: str, differs: Differs
) -> None:
    expected = differs.outcomes[dialect == "postgresql"]

    async def unit(tx: Transaction) -> Any:
        return await tx.fetch_all(differs.kind, differs.sql, **differs.parameters)

    found: Any
    try:
        found = await store.transact(unit)
    except UnitError as error:
        found = type(error)
    if expected == "nan":
        assert str(found) == "[nan]"
    else:
        assert found in expected if isinstance(expected, tuple) else found == expected


@pytest.mark.parametrize(
    "differs", [one for one in DIFFERS if one.instead], ids=lambda differs: differs.about
)
async def test_what_the_page_says_instead_is_the_same(store: Store, differs: Differs) -> None:
    async def unit(tx: Transaction) -> Any:
        assert differs.instead is not None
        return await tx.fetch_all(differs.kind, differs.instead, **differs.parameters)

    assert await store.transact(unit) == differs.answer


def test_the_page_names_all_that_differs() -> None:
    text = PAGE.read_text()
    missing = [one.about for one in DIFFERS if f"| {one.about} |" not in text]
    assert not missing


NATIVE = """
create table kept (
    moment timestamptz, day date, at time, lasts interval, digits numeric(20, 4), id uuid,
    truth boolean, items jsonb, small integer, ratio double precision, name varchar(20), data bytea
);
"""
PLAIN = """
create table kept (
    moment text, day text, at text, lasts integer, digits text, id text,
    truth integer, items text, small integer, ratio real, name text, data blob
) strict;
"""


class Native(Record):
    moment: datetime | None
    day: date | None
    at: time | None
    lasts: timedelta | None
    digits: Decimal | None
    id: UUID | None
    truth: bool | None
    items: dict[str, int] | None
    small: int | None
    ratio: float | None
    name: str | None
    data: bytes | None


async def test_types_of_postgresqls_own_take_and_give_the_same_values(make: Make) -> None:
    store = await make(PLAIN, native={1: NATIVE})
    values = {
        "moment": datetime(2030, 1, 2, 3, 4, 5, 678901, tzinfo=UTC),
        "day": date(2030, 1, 2),
        "at": time(3, 4, 5),
        "lasts": timedelta(days=1, microseconds=1),
        "digits": Decimal("12345.1000"),
        "id": UUID(int=7),
        "truth": True,
        "items": {"a": 1},
        "small": 2**31 - 1,
        "ratio": 0.1,
        "name": "ä",
        "data": b"\x00",
    }
    columns, marks = ", ".join(values), ", ".join(f":{name}" for name in values)

    async def unit(tx: Transaction) -> tuple[list[Native], int]:
        await tx.execute(f"insert into kept ({columns}) values ({marks})", **values)
        await tx.execute(f"insert into kept ({columns}) values ({marks})", **dict.fromkeys(values))
        found = await tx.fetch_all(Native, f"select {columns} from kept order by day nulls last")
        sql = "select count(*) from kept where moment = :moment and id = :id and day >= :day"
        return found, await tx.fetch_one(int, sql, **values)

    assert await store.transact(unit) == ([Native(**values), Native(**dict.fromkeys(values))], 1)
