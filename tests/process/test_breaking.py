"""Migrations that break the version that still runs, and those that do not."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from outgrow.errors import Finding, RevisionUnreadable
from outgrow.process.checking import breaking_findings
from outgrow.topology import Plan

BASE = """
create table orders (
    id integer primary key,
    cents integer not null,
    note text,
    state text not null default 'new' check (state <> ''),
    user_id integer references users (id)
) strict;
create table users (id integer primary key, name text not null) strict, without rowid;
create view open_orders as select * from orders;
"""
REBUILT = """
create table orders_new (
    id integer primary key, cents integer not null, note text,
    state text not null default 'new' check (state <> ''), user_id integer references users (id){}
) strict;
insert into orders_new select * from orders;
drop table orders;
alter table orders_new rename to orders;
"""

Check = Callable[..., list[Finding]]


def git(folder: Path, *words: str) -> None:
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    command = ["git", *identity, *words]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "shop" / "migrations"
    folder.mkdir(parents=True)
    (folder / "0001_orders.sql").write_text(BASE)
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-q", "-m", "base")
    return folder


@pytest.fixture
def check(folder: Path) -> Check:
    def check_it(
        files: Mapping[str, str], against: str | None = None, store: str = "sqlite"
    ) -> list[Finding]:
        for name, text in files.items():
            (folder / name).write_text(text)
        plan = Plan(
            file=folder.parents[1] / "outgrow.toml",
            application="tried",
            services={"shop": "shop"},
            http=None,
            stores={"shop": store},
        )
        return list(breaking_findings(plan, {"shop": folder, "other": None}, against))

    return check_it


BREAKING = [
    ("drop table orders;", 1, "drops the table 'orders'"),
    ("drop table if exists users;", 1, "drops the table 'users'"),
    ("alter table orders rename to sales;", 1, "gives the table 'orders' the name 'sales'"),
    ("alter table orders drop column note;", 1, "drops the column 'orders.note'"),
    ("alter table orders drop note;", 1, "drops the column 'orders.note'"),
    ("alter table orders rename note to text;", 1, "gives the column 'orders.note' the name"),
    ('alter table "orders" rename "note" to "text";', 1, "gives the column 'orders.note' the name"),
    (
        "create table fresh (n integer);\nalter table orders rename column cents to amount;",
        2,
        "gives the column 'orders.cents' the name 'amount'",
    ),
    (
        "alter table orders add column a integer;\n\nalter table ORDERS add b integer not null;",
        3,
        "adds the column 'orders.b', which must not be null, without a default",
    ),
    ("create unique index one on orders (user_id);", 1, "only rows with UNIQUE (user_id)"),
    ("create unique index one on orders (note) where note is not null;", 1, "only rows with UNIQ"),
    (REBUILT.format(", check (cents > 0)"), 8, "only rows with CHECK (cents > 0)"),
    (REBUILT.replace(" note text,", "").format(""), 8, "drops the column 'orders.note'"),
    (REBUILT.replace("note text", "note text not null").format(""), 8, "orders.note' not be null"),
    (REBUILT.replace("cents integer", "cents text").format(""), 8, "orders.cents' text, which was"),
    (REBUILT.replace(" default 'new'", "").format(""), 8, "takes the default of the column"),
]
NATIVE = [
    ("alter table orders alter column cents type smallint;", "orders.cents' smallint, which was"),
    ("alter table orders alter column note type varchar(20);", "orders.note' varchar(20), which"),
    ("alter table orders alter column note set not null;", "orders.note' not be null any more"),
    ("alter table orders alter column state drop default;", "takes the default of the column"),
    ("alter table orders add constraint c check (cents > 0) not valid;", "with CHECK (cents > 0)"),
    ("alter table orders add constraint c unique (user_id);", "with UNIQUE (user_id)"),
    ("alter table orders add foreign key (cents) references users (id);", "FOREIGN KEY (cents)"),
    ("alter table only orders add column x bigint not null, add y text;", "orders.x', which must"),
    ("drop table users, orders cascade;", "drops the table 'users'"),
]
HARMLESS = [
    "create table fresh (n integer not null unique);\nalter table fresh rename to other;",
    "create table fresh (n integer);\nalter table fresh drop column n;\ndrop table fresh;",
    "alter table orders add column more text;",
    "alter table orders add column more integer not null default 0 check (more >= 0);",
    "alter table orders add column more integer references users (id);",
    "create index by_it on orders (user_id);\ndrop index by_it;",
    "update orders set note = 'drop table orders';",
    "-- drop table orders;\ninsert into orders (cents) values (1);",
    "create trigger t after insert on orders begin update orders set note = ''; end;",
    REBUILT.format(""),
    REBUILT.format(", more text").replace("select *", "select *, null"),
    "alter table orders drop column note; alter table orders add column note text;",
]
HARMLESS_NATIVE = [
    "alter table orders alter column note type text;",
    "alter table orders alter column cents drop not null, alter column cents set default 0;",
    "alter table orders drop constraint orders_state_check;",
    "alter table orders add column n bigint generated by default as identity not null;",
    "alter table orders validate constraint c;\nalter table orders rename constraint c to d;",
    "create function f() returns trigger language plpgsql as $$ begin drop table orders; end $$;",
    "comment on table orders is 'x';",
]


@pytest.mark.parametrize(("sql", "line", "what"), BREAKING)
def test_what_breaks_the_version_that_runs_is_found(
    check: Check, folder: Path, sql: str, line: int, what: str
) -> None:
    found = check({"0002_change.sql": sql})
    assert [(one.slug, one.severity) for one in found] == [("migration-breaks", "error")], found
    assert found[0].place == f"{folder / '0002_change.sql'}:{line}"
    assert what in found[0].message
    assert "second step" in found[0].remedy
    assert check({"0002_change.sql": f"-- outgrow: second step\n{sql}"}) == []


@pytest.mark.parametrize(("sql", "what"), NATIVE)
def test_what_breaks_in_postgresql_is_found(check: Check, sql: str, what: str) -> None:
    found = check({"0002_change.sql": "select 1;", "0002_change.postgresql.sql": sql})
    assert {one.slug for one in found} == {"migration-breaks"}
    assert any(what in one.message for one in found), found
    assert all(one.place.endswith("0002_change.postgresql.sql:1") for one in found)


@pytest.mark.parametrize("sql", HARMLESS)
def test_what_breaks_nothing_is_no_finding(check: Check, sql: str) -> None:
    assert check({"0002_change.sql": sql}) == []


@pytest.mark.parametrize("sql", HARMLESS_NATIVE)
def test_what_breaks_nothing_in_postgresql_is_no_finding(check: Check, sql: str) -> None:
    files = {"0002_change.sql": "select 1;", "0002_change.postgresql.sql": sql}
    assert check(files) == []


def test_what_is_made_in_one_pending_migration_may_go_in_the_next(check: Check) -> None:
    files = {"0002_a.sql": "create table a (n integer);", "0003_b.sql": "drop table a;"}
    assert check(files) == []


def test_a_statement_that_cannot_be_read_is_noted(check: Check) -> None:
    (found,) = check({"0002_change.sql": "alter table orders frobnicate all;"})
    assert (found.slug, found.severity) == ("migration-unread", "note")


def test_pending_is_what_the_last_tag_does_not_have(check: Check, folder: Path) -> None:
    (folder / "0002_more.sql").write_text("alter table orders add column more text;")
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "more")
    drop = {"0003_drop.sql": "alter table orders drop column more;"}
    assert [one.slug for one in check(drop)] == ["migration-breaks"]
    git(folder, "tag", "v1", "HEAD~1")
    assert check({}) == []
    assert "(HEAD)" in check({}, against="HEAD")[0].message
    with pytest.raises(RevisionUnreadable, match="nowhere"):
        check({}, against="nowhere")


def test_a_changed_migration_is_a_warning(check: Check) -> None:
    (found,) = check({"0001_orders.sql": f"{BASE}-- one more word\n"})
    assert (found.slug, found.severity) == ("migration-changed", "warning")


def test_without_a_repository_nothing_is_compared(
    check: Check, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_DIR", str(folder))
    assert check({"0002_change.sql": "drop table orders;"}) == []
    with pytest.raises(RevisionUnreadable):
        check({}, against="HEAD")


LOCKING = [
    ("create index by_it on orders (cents);", "nothing can be written"),
    ("alter table orders add constraint c check (cents > 0);", "read as a whole"),
    ("alter table orders alter column cents type text;", "written anew"),
    ("alter table orders alter column note set not null;", "read as a whole"),
    ("drop index by_it;", "until all who use it"),
]


@pytest.mark.parametrize(("sql", "what"), LOCKING)
def test_locks_in_postgresql_are_warned_of(check: Check, sql: str, what: str) -> None:
    files = {
        "0002_change.sql": "select 1;",
        "0002_change.postgresql.sql": f"-- outgrow: second step\n{sql}",
    }
    found = check(files, store="postgresql://db")
    assert {(one.slug, one.severity) for one in found} == {("migration-locks", "warning")}
    assert any(what in one.message for one in found), found
    assert all(one.place.endswith("0002_change.postgresql.sql:2") for one in found)


def test_locks_on_new_tables_matter_to_nobody(check: Check) -> None:
    sql = "create table fresh (n integer);\ncreate index by_it on fresh (n);"
    assert check({"0002_change.sql": sql}, store="postgres") == []


def test_without_squawk_a_note_says_that_nobody_looked(
    check: Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("outgrow.process.checking.breaking._beside_python", str)
    (found,) = check({"0002_change.sql": "create index x on orders (cents);"}, store="postgres")
    assert (found.slug, found.severity) == ("migration-locks", "note")
    assert "squawk is not installed" in found.message


REVISION = """
import sqlalchemy as sa
from alembic import op

revision, down_revision = {name!r}, {down!r}

def upgrade() -> None:
    {body}
"""
MAKE = (
    'op.create_table("orders", sa.Column("id", sa.BigInteger(), primary_key=True), '
    'sa.Column("cents", sa.BigInteger(), nullable=False), sa.Column("note", sa.Text()))'
)
REVISIONS = [
    ('op.drop_column("orders", "note")', "drops the column 'orders.note'"),
    ('op.alter_column("orders", "note", new_column_name="text")', "gives the column 'orders.note'"),
    ('op.alter_column("orders", "note", nullable=False)', "not be null any more"),
    ('op.create_unique_constraint("u", "orders", ["cents"])', "with UNIQUE (cents)"),
    ('op.create_index("u", "orders", ["cents"], unique=True)', "with UNIQUE (cents)"),
    ('op.rename_table("orders", "sales")', "gives the table 'orders' the name 'sales'"),
    ('op.drop_table("orders")', "drops the table 'orders'"),
    ('op.execute("alter table orders drop column note")', "drops the column 'orders.note'"),
    (
        "with op.batch_alter_table('orders') as batch:\n        batch.drop_column('note')",
        "drops the column 'orders.note'",
    ),
    ('op.add_column("orders", sa.Column("more", sa.Text()))', None),
    ('op.create_index("i", "orders", ["cents"])', None),
    ('op.execute("update orders set note = null")', None),
]


@pytest.fixture
def versions(folder: Path) -> Path:
    versions = folder / "versions"
    versions.mkdir()
    git(folder, "rm", "-q", "0001_orders.sql")
    (versions / "one.py").write_text(REVISION.format(name="one", down=None, body=MAKE))
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "alembic")
    return versions


@pytest.mark.parametrize(("body", "what"), REVISIONS)
def test_a_revision_that_breaks_the_version_that_runs_is_found(
    check: Check, versions: Path, body: str, what: str | None
) -> None:
    text = REVISION.format(name="two", down="one", body=body)
    (versions / "two.py").write_text(text)
    found = check({})
    assert [one.slug for one in found] == (["migration-breaks"] if what else []), found
    for one in found:
        assert one.place == f"{versions / 'two.py'}:7"
        assert what is not None
        assert what in one.message
    (versions / "two.py").write_text(f"# outgrow: second step{text}")
    assert check({}) == []


def test_a_revision_that_asks_the_database_is_noted(check: Check, versions: Path) -> None:
    body = 'op.get_bind().execute(sa.text("select 1")).scalar_one()'
    (versions / "two.py").write_text(REVISION.format(name="two", down="one", body=body))
    (found,) = check({})
    assert (found.slug, found.severity) == ("migration-unread", "note")
