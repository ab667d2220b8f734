"""The server of the wheel, as a child of the process that needs it."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import select
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import asyncpg
import pytest

from outgrow.clock import SystemClock
from outgrow.errors import ExtraMissing, StoreInUse, StoreRefused, StoreUnreadable
from outgrow.process.databases import (
    Account,
    Cluster,
    Embedded,
    cluster,
    embedded,
    find_binaries,
    serving,
)

PROGRAM = textwrap.dedent("""
    import asyncio, pathlib, signal, sys
    from outgrow.process.databases import serving

    async def main():
        async with serving(pathlib.Path(sys.argv[1]), "shop", ["orders"]) as urls:
            print(urls["orders"], flush=True)
            await asyncio.Event().wait()

    asyncio.run(main())
""")


async def execute(url, sql):
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(sql)
    finally:
        await connection.close()


def server_pid(state):
    return int((state / "postgres/data/postmaster.pid").read_text().split("\n")[0])


def mode_of(path):
    return Path(path).stat().st_mode & 0o777


def users_of(pid):
    """The users that a process is, really, in effect and saved."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    line = next(line for line in lines if line.startswith("Uid:"))
    return {int(uid) for uid in line.split()[1:]}


async def test_each_service_has_its_database_and_keeps_it(tmp_path):
    async with serving(tmp_path, "shop", ["users", "orders"]) as urls:
        await execute(urls["orders"], "create table t (n bigint)")
        assert await execute(urls["users"], "select current_user") == "shop_users"
        assert await execute(urls["users"], "show server_encoding") == "UTF8"
        assert await execute(urls["users"], "select datcollate from pg_database limit 1") == "C"
    async with serving(tmp_path, "shop", ["users", "orders", "stock"]) as urls:
        assert await execute(urls["orders"], "select count(*) from t") == 0
        assert await execute(urls["stock"], "select 1") == 1


async def test_what_is_committed_reaches_the_disk(tmp_path):
    async with serving(tmp_path, "shop", ["orders"]) as urls:
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            assert await execute(urls["orders"], f"show {setting}") == "on"
        assert await execute(urls["orders"], "show listen_addresses") == ""
        assert await execute(urls["orders"], "show is_superuser") == "off"


async def test_nobody_else_reads_passwords_data_or_socket(tmp_path):
    async with serving(tmp_path, "shop", ["orders"]) as urls:
        assert urls["orders"].startswith("postgresql://shop_orders:")
        assert (tmp_path / "postgres.json").stat().st_mode & 0o777 == 0o600
        assert (tmp_path / "postgres/data").stat().st_mode & 0o777 == 0o700
        (folder,) = {url.partition("host=")[2] for url in urls.values()}
        assert mode_of(folder) == 0o700
        with pytest.raises(asyncpg.InvalidPasswordError):
            await asyncpg.connect(urls["orders"], password="guessed")
    with pytest.raises(FileNotFoundError):
        mode_of(folder)


@pytest.mark.skipif(os.geteuid() != 0, reason="only the superuser gives the server to another")
async def test_the_server_of_root_runs_as_another_and_enters_folders_that_it_may_not(tmp_path):
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    async with serving(closed / "state", "shop", ["orders"]):
        users = users_of(server_pid(closed / "state"))
        assert users == {Account.choose(closed / "state/postgres/data").uid}
        assert 0 not in users


async def test_a_folder_is_served_once(tmp_path, monkeypatch):
    monkeypatch.setattr(embedded, "LOCK_SECONDS_MAX", 0.1)
    async with serving(tmp_path, "shop", ["orders"]):
        with pytest.raises(StoreInUse, match="another process runs its PostgreSQL"):
            await Embedded(tmp_path, "shop", ["orders"]).take()


async def test_a_server_that_is_killed_is_started_again_at_its_address(tmp_path):
    async with serving(tmp_path, "shop", ["orders"]) as urls:
        await execute(urls["orders"], "create table kept (n bigint)")
        os.kill(server_pid(tmp_path), signal.SIGKILL)
        clock = SystemClock()
        async with asyncio.timeout(20):
            while True:
                try:
                    assert await execute(urls["orders"], "select count(*) from kept") == 0
                    break
                except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                    await clock.sleep(0.02)


async def test_a_killed_program_leaves_no_server_and_the_next_one_starts(tmp_path):
    program = [sys.executable, "-c", PROGRAM, str(tmp_path)]
    for number in (signal.SIGKILL, signal.SIGKILL):
        run = subprocess.Popen(program, stdout=subprocess.PIPE, text=True)  # noqa: ASYNC220
        url = run.stdout.readline().strip()
        assert await execute(url, "create table if not exists t (n bigint)") is None
        descriptor = os.pidfd_open(server_pid(tmp_path))
        run.send_signal(number)
        run.wait()
        run.stdout.close()
        ended, _, _ = select.select([descriptor], [], [], 20)
        os.close(descriptor)
        assert ended
    async with serving(tmp_path, "shop", ["orders"]) as urls:
        assert await execute(urls["orders"], "select count(*) from t") == 0


async def test_lost_passwords_are_made_anew(tmp_path):
    async with serving(tmp_path, "shop", ["orders"]) as urls:
        await execute(urls["orders"], "create table t (n bigint)")
    (tmp_path / "postgres.json").unlink()
    async with serving(tmp_path, "shop", ["orders"]) as urls:
        assert await execute(urls["orders"], "select count(*) from t") == 0


async def test_damaged_passwords_are_told(tmp_path):
    (tmp_path / "postgres.json").write_text("{")
    with pytest.raises(StoreRefused, match="If it is lost, delete it"):
        await Embedded(tmp_path, "shop", ["orders"]).take()


async def test_a_server_that_cannot_start_says_why(tmp_path):
    async with serving(tmp_path, "shop", ["orders"]):
        pass
    (tmp_path / "postgres/data/postgresql.conf").write_text("nonsense = 1\n")
    with pytest.raises(StoreRefused, match="nonsense"):
        async with serving(tmp_path, "shop", ["orders"]):
            pass


async def test_an_error_of_the_block_comes_through_as_it_is(tmp_path):
    with pytest.raises(KeyError, match="mine"):
        async with serving(tmp_path, "shop", ["orders"]):
            raise KeyError("mine")


async def test_making_databases_that_was_interrupted_begins_anew(tmp_path):
    draft = tmp_path / "postgres/data.draft"
    draft.mkdir(parents=True)
    (draft / "PG_VERSION").write_text("16")
    async with serving(tmp_path, "shop", ["orders"]) as urls:
        assert await execute(urls["orders"], "select 1") == 1
    assert not draft.exists()


def test_without_the_wheel_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(ExtraMissing, match=r"pip install 'outgrow\[postgres\]'"):
        Cluster(tmp_path / "data").make("secret")


def test_data_of_a_version_that_the_wheel_has_not_are_told(tmp_path):
    (tmp_path / "PG_VERSION").write_text("9.6")
    with pytest.raises(StoreUnreadable, match=r"written by PostgreSQL 9\.6, and the wheel"):
        find_binaries(tmp_path)
    (tmp_path / "PG_VERSION").write_text("16")
    assert (find_binaries(tmp_path) / "postgres").exists()


async def test_passwords_are_kept_by_service(tmp_path):
    async with serving(tmp_path, "shop", ["orders"]):
        kept = json.loads((tmp_path / "postgres.json").read_text())
    assert set(kept["roles"]) == {"orders"}
    assert len(kept["superuser"]) >= 32


@pytest.mark.skipif(os.geteuid() != 0, reason="only the superuser gives the server to another")
def test_programs_that_the_other_user_cannot_run_are_told_with_ways_out(tmp_path):
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    program = closed / "postgres"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    account = Account.choose(tmp_path / "data")
    with pytest.raises(StoreRefused, match=r"the user 'nobody' cannot run it.*chmod o\+x"):
        account.check_runs(program, "--version")


@pytest.mark.parametrize("version", ["16", "18"])
async def test_data_are_served_by_the_version_that_made_them(tmp_path, monkeypatch, version):
    newest = find_binaries()
    programs = newest.parents[1] / {"16": "pginstall", "18": "pginstall18"}[version] / "bin"
    monkeypatch.setattr(cluster, "find_binaries", lambda data=None: programs)
    async with serving(tmp_path, "shop", ["orders"]):
        pass
    monkeypatch.undo()
    async with serving(tmp_path, "shop", ["orders"]) as urls:
        assert (await execute(urls["orders"], "show server_version")).startswith(version)
