"""``outgrow store create`` and ``status``: on SQLite, on a server, while it runs or not."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import asyncpg
import pytest

from outgrow.process import Options, start_application
from outgrow.topology import read_topology

CONTRACT = """
from outgrow import Contract, Event, command

class Told(Event, key="word"):
    word: str

class {name}(Contract):
    @command()
    async def tell(self, word: str) -> None: ...
"""
SERVICE = """
from outgrow import Store, Transaction, on, service, transactional
from {package}.contract import {name}, Told
from telling_one.contract import Told as Heard

@service
class {name}Service({name}):
    store: Store

    @transactional
    async def tell(self, tx: Transaction, word: str) -> None:
        await tx.execute("insert into told (word) values (:word)", word=word)
        await tx.record(Told(word=word))

    @on(Heard)
    async def hear(self, tx: Transaction, event: Heard) -> None:
        await tx.execute("insert into told (word) values (:word)", word="heard " + event.word)
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An application of two services, the second of which hears the first."""
    for name in ("One", "Two"):
        package = tmp_path / f"telling_{name.lower()}"
        (package / "migrations").mkdir(parents=True)
        (package / "__init__.py").touch()
        (package / "contract.py").write_text(CONTRACT.format(name=name))
        text = SERVICE.format(name=name, package=package.name)
        if name == "One":
            text = text.partition("    @on")[0]
            text = text.replace("from telling_one.contract import Told as Heard", "")
        (package / "service.py").write_text(text)
        tables = "create table told (word text primary key);"
        (package / "migrations/0001_told.sql").write_text(tables)
    write(tmp_path, "")
    monkeypatch.syspath_prepend(str(tmp_path))
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if name.startswith("telling_"):
            del sys.modules[name]


def write(folder: Path, more: str) -> None:
    text = '[app]\nname = "stores"\nservices = ["telling_one", "telling_two"]\n'
    (folder / "outgrow.toml").write_text(text + more)


def outgrow(folder, *words, **environment):
    done = subprocess.run(
        [sys.executable, "-m", "outgrow", "store", *words],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


async def tell(folder: Path, word: str) -> None:
    plan = read_topology(folder / "outgrow.toml")
    async with start_application(plan, Options()) as application:
        from telling_one.contract import One

        await application.client(One).tell(word)
        await application.settle()
        status, told, errors = await asyncio.to_thread(outgrow, folder, "status", "--json")
        assert status == 0, errors
        check(json.loads(told))


def check(standings: list[dict]) -> None:
    one, two = standings
    assert (one["state"], one["applied"], one["pending"]) == ("ok", 1, 0)
    assert (one["journal_end"], one["lag"], one["version"]) == (1, None, 2)
    assert (two["journal_end"], two["lag"], two["parked"]) == (0, 0, 0)
    assert one["bytes"] > 10_000


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
async def test_status_is_told_before_during_and_after_a_run(folder, kind):
    write(folder, f'store = "{kind}"\n')
    status, told, _ = await asyncio.to_thread(outgrow, folder, "status", "--json")
    assert [one["state"] for one in json.loads(told)] == ["new", "new"]
    assert status == 0
    assert not (folder / ".outgrow").exists()

    await tell(folder, "a")

    status, told, errors = await asyncio.to_thread(outgrow, folder, "status", "--json")
    assert status == 0, errors
    check(json.loads(told))
    server = json.loads(told)[0]["server"]
    assert server.startswith({"sqlite": "SQLite 3", "postgres": "PostgreSQL 1"}[kind])


async def test_status_counts_what_the_next_start_applies_and_tells_one_service(folder):
    await tell(folder, "a")
    (folder / "telling_one/migrations/0002_more.sql").write_text("create table more (n int);")

    status, told, _ = await asyncio.to_thread(outgrow, folder, "status", "telling_one")

    assert status == 0
    titles, row = told.splitlines()
    assert titles.split()[:4] == ["service", "state", "size", "migrations"]
    assert row.startswith("telling_one")
    assert "1 (+1)" in row


async def test_a_store_that_cannot_be_read_is_told_and_the_others_too(folder):
    await tell(folder, "a")
    (folder / ".outgrow/store/telling_one.sqlite3").write_bytes(b"no database at all" * 1000)

    status, told, errors = await asyncio.to_thread(outgrow, folder, "status", "--json")

    assert status == 1
    assert [one["state"] for one in json.loads(told)] == ["refused", "ok"]
    assert "telling_one.sqlite3" in errors


def test_unknown_services_and_topologies_are_refused(folder):
    status, _, errors = outgrow(folder, "status", "three")
    assert status == 2
    assert "no service 'three'.\n  It has: telling_one, telling_two" in errors
    status, _, errors = outgrow(folder, "status", "--topology", "far")
    assert status == 2
    assert "no topology 'far'.\n  Known: none" in errors


async def test_create_makes_what_a_run_needs_and_says_it_once(folder, outgrow_postgres):
    outgrow_postgres.start()
    environment = {"OUTGROW_POSTGRES_ADMIN_URL": outgrow_postgres.admin_url}
    status, told, errors = await asyncio.to_thread(outgrow, folder, "create", **environment)
    assert status == 0, errors
    lines = dict(line.split("=", 1) for line in told.splitlines())
    assert set(lines) == {"OUTGROW_STORE_TELLING_ONE", "OUTGROW_STORE_TELLING_TWO"}
    for url in lines.values():
        await (await asyncpg.connect(url)).close()
    kept = folder / ".outgrow/postgres.json"
    assert kept.stat().st_mode & 0o777 == 0o600

    status, told, errors = await asyncio.to_thread(outgrow, folder, "create", **environment)
    assert (status, told) == (0, "")
    assert "stores_telling_one is there already" in errors

    # The server's address is enough in the file: the rest is kept on this machine.
    write(folder, f'store = "postgresql://?host={outgrow_postgres.cluster.sockets}"\n')
    await tell(folder, "a")

    words = ["create", "telling_one", "--renew", "--json"]
    status, told, errors = await asyncio.to_thread(outgrow, folder, *words, **environment)
    assert status == 0, errors
    (made,) = json.loads(told)
    assert (made["database"], made["is_new"]) == ("stores_telling_one", True)
    assert made["url"] != lines["OUTGROW_STORE_TELLING_ONE"]
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(lines["OUTGROW_STORE_TELLING_ONE"])
    await (await asyncpg.connect(made["url"])).close()


def test_create_without_an_administrator_says_what_to_set(folder):
    status, told, errors = outgrow(folder, "create", OUTGROW_POSTGRES_ADMIN_URL="")
    assert (status, told) == (1, "")
    assert "OUTGROW_POSTGRES_ADMIN_URL: it is not set" in errors
    url = "postgresql://me:hidden@127.0.0.1:1/d"
    status, told, errors = outgrow(folder, "create", OUTGROW_POSTGRES_ADMIN_URL=url)
    assert (status, told) == (1, "")
    assert "cannot be reached" in errors
    assert "hidden" not in errors


async def test_the_database_of_another_service_is_refused(folder, outgrow_postgres, monkeypatch):
    from outgrow.errors import StoreOfAnother, StoreRefused

    url = await outgrow_postgres.database()
    monkeypatch.setenv("OUTGROW_STORE_TELLING_ONE", url)
    await tell(folder, "a")
    monkeypatch.delenv("OUTGROW_STORE_TELLING_ONE")
    monkeypatch.setenv("OUTGROW_STORE_TELLING_TWO", url)
    with pytest.raises(StoreOfAnother, match="it belongs to service 'telling_one'") as refused:
        await tell(folder, "b")
    assert url.split(":")[2].split("@")[0] not in str(refused.value)
    # A wrong role: it may log in to the server, and not to this database.
    monkeypatch.setenv("OUTGROW_STORE_TELLING_TWO", url.replace("outgrow_tests:", "nobody:"))
    with pytest.raises(StoreRefused, match="lets nobody in") as refused:
        await tell(folder, "b")
    assert url.split(":")[2].split("@")[0] not in str(refused.value)
