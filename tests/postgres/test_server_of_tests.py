"""The PostgreSQL server of a test run: quick, apart, and gone with the run."""

import os
import select
import shutil
import signal
import subprocess
import sys
import textwrap
import time

import asyncpg
import pytest

from outgrow.testing import PostgresServer

RUN = textwrap.dedent("""
    import signal
    from outgrow.testing import PostgresServer
    server = PostgresServer()
    server.start()
    print(server.pid, server.folder, server.cluster.sockets, sep="\\n", flush=True)
    signal.pause()
""")


@pytest.fixture
async def connection(postgres_url):
    connection = await asyncpg.connect(postgres_url)
    yield connection
    await connection.close()


async def test_each_test_has_an_empty_database(connection):
    assert (
        await connection.fetchval("select count(*) from pg_tables where schemaname='public'") == 0
    )
    await connection.execute("create table left_behind (n bigint)")


async def test_databases_are_in_utf_8_and_sorted_by_code_point(connection):
    assert await connection.fetchval("show server_encoding") == "UTF8"
    rows = await connection.fetch("select * from unnest(array['é', 'z', 'Z', 'a']) as x order by x")
    assert [row["x"] for row in rows] == ["Z", "a", "z", "é"]


async def test_a_test_is_nobody_special(connection):
    row = await connection.fetchrow("select * from pg_roles where rolname = current_user")
    assert not any(row[right] for right in ("rolsuper", "rolcreatedb", "rolcreaterole"))


async def test_a_database_takes_milliseconds(outgrow_postgres):
    await outgrow_postgres.database()
    took = []
    for _ in range(10):
        begun = time.perf_counter()
        await outgrow_postgres.database()
        took.append(time.perf_counter() - begun)
    assert min(took) < 0.06  # The others may have met a machine that does much else.


async def ask_on(connection):
    """Ask until there is no answer: the connection's own process sees the kill a moment later."""
    for _ in range(100_000):
        await connection.fetchval("select n from kept")


async def test_a_server_that_was_killed_starts_again_at_its_address():
    server = PostgresServer()
    try:
        url = await server.database()
        connection = await asyncpg.connect(url)
        await connection.execute("create table kept (n bigint); insert into kept values (1)")
        server.kill()
        with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, OSError)):
            await ask_on(connection)
        connection.terminate()
        server.start()
        connection = await asyncpg.connect(url)
        assert await connection.fetchval("select n from kept") == 1
        await connection.close()
    finally:
        server.close()
    assert not server.folder.exists()


def test_a_killed_test_run_leaves_no_server():
    run = subprocess.Popen(
        [sys.executable, "-c", RUN], stdout=subprocess.PIPE, text=True, env=dict(os.environ)
    )
    pid, folder, sockets = (run.stdout.readline().strip() for _ in range(3))
    descriptor = os.pidfd_open(int(pid))
    run.send_signal(signal.SIGKILL)
    run.wait()
    run.stdout.close()
    ended, _, _ = select.select([descriptor], [], [], 20)
    os.close(descriptor)
    assert ended
    for left in (folder, sockets):
        shutil.rmtree(left)
