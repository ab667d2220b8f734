"""A service's role does what the service needs, and nothing that concerns another."""

import asyncpg
import pytest

from outgrow.errors import StoreRefused, StoreUnreachable
from outgrow.store.creating import Administrator, database_name, new_password

APPLICATION = "least"


@pytest.fixture
async def services(outgrow_postgres):
    """URLs of two services, and of the server's superuser; the second has a table with a row."""
    urls = {}
    outgrow_postgres.start()
    async with Administrator(outgrow_postgres.admin_url) as administrator:
        for service in ("users", "orders"):
            password = new_password()
            await administrator.provide(APPLICATION, service, password, is_renewed=True)
            name = database_name(APPLICATION, service)
            urls[service] = outgrow_postgres.cluster.url(name, name, password)
        await administrator.shut("postgres", "template1")
    connection = await asyncpg.connect(urls["orders"])
    await connection.execute("create table if not exists card (number text)")
    await connection.execute("delete from card; insert into card values ('4111')")
    await connection.close()
    return urls


@pytest.fixture
async def users(services):
    connection = await asyncpg.connect(services["users"])
    yield connection
    await connection.close()


@pytest.fixture
async def orders(services):
    connection = await asyncpg.connect(services["orders"])
    yield connection
    await connection.close()


async def test_a_service_can_do_its_own_work(users):
    await users.execute("create table item (name text primary key, n bigint)")
    await users.execute("create index by_n on item (n); insert into item values ('a', 1)")
    await users.execute("alter table item add column more text; update item set more = 'x'")
    assert await users.fetchval("select more from item") == "x"
    await users.execute("do $$ begin perform pg_notify('journal', '1'); end $$")
    await users.execute("drop table item")


@pytest.mark.parametrize("database", ["least_orders", "postgres", "template1"])
async def test_it_cannot_log_in_to_another_database(services, database):
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await asyncpg.connect(services["users"], database=database)


async def test_it_cannot_log_in_as_another_with_its_own_password(services):
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(services["users"], user="least_orders", database="least_orders")


DENIED = (asyncpg.InsufficientPrivilegeError,)
NOT_THERE = (asyncpg.UndefinedFunctionError, asyncpg.UndefinedObjectError)
REFUSED = {
    "read passwords": "select * from pg_shadow",
    "read verifiers": "select rolpassword from pg_authid",
    "read a file": "select pg_read_file('/etc/passwd')",
    "read a file of the server": "select pg_read_file('postgresql.conf')",
    "read a binary file": "select pg_read_binary_file('global/pg_control')",
    "list a folder": "select pg_ls_dir('/')",
    "list the log": "select pg_ls_waldir()",
    "copy from a file": "copy (select 1) to '/tmp/taken'",
    "copy to a file": "create temp table t (x text); copy t from '/etc/passwd'",
    "run a program": "copy (select 1) to program 'id'",
    "import a file": "select lo_import('/etc/passwd')",
    "export a file": "select lo_export(1, '/tmp/taken')",
    "make a language": "create language mine handler now",
    "make a function in C": "create function f() returns int as 'libc', 'system' language c",
    "make a role": "create role intruder",
    "make itself mighty": "alter role current_user superuser",
    "bypass rows": "alter role current_user bypassrls",
    "make databases": "alter role current_user createdb",
    "take more connections": "alter role current_user connection limit 1000",
    "be the other": "set role least_orders",
    "be the superuser": "set role postgres",
    "log in as the other": "set session authorization least_orders",
    "be a member": "grant least_orders to current_user",
    "be a predefined role": "grant pg_read_all_data to current_user",
    "rename the other": "alter role least_orders rename to mine",
    "change the other's password": "alter role least_orders password 'mine'",
    "drop the other": "drop role least_orders",
    "drop the other's database": "drop database least_orders",
    "drop its own database": "drop database least_users",
    "open its database": "grant connect on database least_orders to least_users",
    "let the other in": "alter database least_users owner to least_orders",
    "rename the database": "alter database least_orders rename to mine",
    "make a database": "create database mine",
    "copy the other's database": "create database mine template least_orders",
    "make a schema": "create schema mine",
    "give its schema away": "alter schema public owner to least_orders",
    "drop the schema": "drop schema public",
    "change the server": "alter system set fsync = off",
    "change a setting of the server": "set log_statement = 'all'",
    "go without triggers": "set session_replication_role = 'replica'",
    "read the configuration": "select * from pg_hba_file_rules",
    "reload the server": "select pg_reload_conf()",
    "switch the log": "select pg_switch_wal()",
    "make a checkpoint": "checkpoint",
    "make a slot": "select pg_create_physical_replication_slot('mine')",
    "decode the log": "select pg_create_logical_replication_slot('mine', 'test_decoding')",
    "publish": "create publication mine for all tables",
    "subscribe": "create subscription mine connection 'host=/tmp' publication theirs",
    "make a tablespace": "create tablespace mine location '/tmp'",
    "make an event trigger": "create event trigger mine on ddl_command_end execute function now()",
    "load a library": "load '/tmp/mine.so'",
    "change the catalogue": "update pg_database set datconnlimit = 0",
    "reset everybody's statistics": "select pg_stat_reset()",
    "promote": "select pg_promote()",
    "back it up": "select pg_backup_start('mine')",
    "use temporary space": "create temp table t (x text)",
}


@pytest.mark.parametrize("attempt", REFUSED)
async def test_it_cannot(users, attempt):
    with pytest.raises((*DENIED, *NOT_THERE, asyncpg.ObjectNotInPrerequisiteStateError)) as raised:
        await users.execute(REFUSED[attempt])
    assert "does not exist" not in str(raised.value) or attempt == "be the other"


async def test_no_extension_can_be_made(users):
    rows = await users.fetch("select name from pg_available_extensions where name <> 'plpgsql'")
    names = {row["name"] for row in rows} | {"dblink", "postgres_fdw", "pg_trgm", "plperlu"}
    for name in names:
        # What is not installed is refused for that reason.
        with pytest.raises((*DENIED, asyncpg.FeatureNotSupportedError)):
            await users.execute(f'create extension "{name}"')


async def test_it_cannot_let_others_in_to_its_own_database(services, users):
    await users.execute("grant connect on database least_users to public, least_orders")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await asyncpg.connect(services["orders"], database="least_users")


async def test_another_database_cannot_be_named(users):
    with pytest.raises(asyncpg.FeatureNotSupportedError):
        await users.execute("select * from least_orders.public.card")


async def test_sessions_of_another_cannot_be_ended_or_read(users, orders):
    pid = await orders.fetchval("select pg_backend_pid()")
    for function in ("pg_terminate_backend", "pg_cancel_backend", "pg_log_backend_memory_contexts"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await users.execute(f"select {function}({pid})")

    rows = await users.fetch("select query, client_addr from pg_stat_activity where pid = $1", pid)

    assert [row["query"] for row in rows] == ["<insufficient privilege>"]
    assert await orders.fetchval("select number from card") == "4111"


async def test_large_objects_locks_and_notices_stay_in_a_service_s_database(users, orders):
    heard = []
    await users.add_listener("journal", lambda *words: heard.append(words))
    number = await orders.fetchval("select lo_from_bytea(0, 'secret'::bytea)")
    async with orders.transaction():
        assert await orders.fetchval("select pg_try_advisory_xact_lock(7)")
        assert await users.fetchval("select pg_try_advisory_lock(7)")
    await orders.execute("select pg_notify('journal', 'secret')")

    with pytest.raises(asyncpg.UndefinedObjectError):
        await users.fetchval("select lo_get($1)", number)
    await users.fetchval("select 1")
    assert heard == []
    await orders.fetchval("select lo_unlink($1)", number)


async def test_sessions_have_limits_that_the_administrator_set(users):
    for setting in ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"):
        assert await users.fetchval(f"show {setting}") != "0"
    limit = "select rolconnlimit from pg_roles where rolname = current_user"
    assert await users.fetchval(limit) > 0


async def test_what_is_there_stays_and_its_password_too(outgrow_postgres, services, users):
    await users.execute("create table kept (n bigint)")
    async with Administrator(outgrow_postgres.admin_url) as administrator:
        assert not await administrator.provide(APPLICATION, "users", "another")
    again = await asyncpg.connect(services["users"])
    await again.execute("drop table kept")
    await again.close()


async def test_what_an_interrupted_call_has_left_is_completed(outgrow_postgres):
    outgrow_postgres.start()
    admin = await asyncpg.connect(outgrow_postgres.admin_url)
    await admin.execute("create database broken_off template template0")
    await admin.close()
    async with Administrator(outgrow_postgres.admin_url) as administrator:
        assert await administrator.provide("broken", "off", "secret")
    url = outgrow_postgres.cluster.url("broken_off", "broken_off", "secret")
    connection = await asyncpg.connect(url)
    await connection.execute("create table t (n bigint)")
    await connection.close()


async def test_what_is_somebody_else_s_is_left_alone(outgrow_postgres):
    outgrow_postgres.start()
    admin = await asyncpg.connect(outgrow_postgres.admin_url)
    await admin.execute("create role theirs_role login password 'x'; ")
    await admin.execute("create database theirs_database")
    theirs = await asyncpg.connect(outgrow_postgres.admin_url, database="theirs_database")
    await theirs.execute("create table public.t (n bigint)")
    await theirs.close()
    async with Administrator(outgrow_postgres.admin_url) as administrator:
        for service in ("role", "database"):
            with pytest.raises(StoreRefused, match=f"there is a {service} 'theirs_{service}'"):
                await administrator.provide("theirs", service, "secret")
        await administrator.provide("a_b", "c", "secret")
        with pytest.raises(StoreRefused, match="service 'c' of application 'a_b'"):
            await administrator.provide("a", "b_c", "secret")
        await admin.execute("alter role a_b_c createdb")
        with pytest.raises(StoreRefused, match="may do more than a service should: createdb"):
            await administrator.provide("a_b", "c", "secret")
    await admin.close()


async def test_an_administrator_need_not_be_a_superuser(outgrow_postgres):
    outgrow_postgres.start()
    admin = await asyncpg.connect(outgrow_postgres.admin_url)
    await admin.execute("create role managed login createrole createdb password 'secret'")
    await admin.execute("create role powerless login password 'secret'")
    await admin.execute("grant connect on database postgres to managed, powerless")
    await admin.close()
    url = outgrow_postgres.cluster.url("postgres", "managed", "secret")
    async with Administrator(url) as administrator:
        assert await administrator.provide("cloud", "users", "secret")
        assert not await administrator.provide("cloud", "users", "secret")
    url = outgrow_postgres.cluster.url("cloud_users", "cloud_users", "secret")
    connection = await asyncpg.connect(url)
    await connection.execute("create table t (n bigint)")
    await connection.close()
    url = outgrow_postgres.cluster.url("postgres", "powerless", "secret")
    async with Administrator(url) as administrator:
        with pytest.raises(StoreRefused, match="CREATEROLE") as refused:
            await administrator.provide("cloud", "orders", "secret")
    assert "\n" not in str(refused.value)
    assert ".." not in str(refused.value)


async def test_who_cannot_log_in_is_told_so_without_the_password(outgrow_postgres):
    outgrow_postgres.start()
    url = outgrow_postgres.cluster.url("postgres", "postgres", "wrong-secret")
    with pytest.raises(StoreRefused, match="lets nobody in") as refused:
        await Administrator(url).__aenter__()
    assert "wrong-secret" not in str(refused.value)
    with pytest.raises(StoreUnreachable):
        await Administrator("postgresql://u:p@127.0.0.1:1/d").__aenter__()


def test_names_that_are_too_long_stay_apart():
    first = database_name("a" * 40, "b" * 40)
    second = database_name("a" * 40, "b" * 39)
    assert len(first) == len(second) == 63
    assert first != second
    assert database_name("shop", "orders") == "shop_orders"
