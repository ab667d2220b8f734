"""The primary dies, the standby takes over: nothing that was acknowledged is lost."""

from __future__ import annotations

import asyncio
import random
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import asyncpg
import pytest

from outgrow import using
from outgrow.clock import SystemClock
from outgrow.context import new_id
from outgrow.errors import OutgrowError, StoreUnreachable
from outgrow.journal import SCHEMA
from outgrow.process import Options, start_application
from outgrow.process.databases import find_binaries
from outgrow.store import open_store
from outgrow.testing import PostgresServer
from outgrow.topology import read_topology

TELLERS = 4
HERE = "/proc/self/cwd"
TABLES = """
create table said (number integer primary key);
create table heard (place integer primary key autoincrement, number integer not null unique);
"""


def free_port() -> int:
    for port in random.sample(range(20_000, 32_768), 500):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("no port is free")


def run(server: PostgresServer, program: str, *words: str) -> None:
    """Run a program of PostgreSQL in the server's folder, as its user."""
    subprocess.run(
        [str(find_binaries() / program), *words],
        check=True,
        capture_output=True,
        cwd=server.cluster.data,
        **server.cluster.account.started,
    )


@pytest.fixture
def pair():
    """A primary, and a standby that has what the primary has acknowledged."""
    primary = PostgresServer(settings={"listen_addresses": "127.0.0.1", "port": str(free_port())})
    standby = PostgresServer(settings={"listen_addresses": "127.0.0.1", "port": str(free_port())})
    try:
        primary.start()
        standby._password = primary._password
        data = standby.cluster.data
        data.mkdir(mode=0o700)
        standby.cluster.account.own(data)
        source = f"postgresql://postgres:{primary._password}@127.0.0.1:{primary.cluster.port}"
        run(standby, "pg_basebackup", "-D", HERE, "-R", "-X", "stream", "-c", "fast", "-d", source)
        standby.start()
        yield primary, standby
    finally:
        primary.close()
        standby.close()


async def wait_in_sync(primary: PostgresServer) -> None:
    """From now on, a commit is acknowledged when the standby has it."""
    admin = await asyncpg.connect(primary.admin_url)
    await admin.execute("alter system set synchronous_standby_names = '*'")
    await admin.execute("select pg_reload_conf()")
    async with asyncio.timeout(20):
        while await admin.fetchval("select sync_state from pg_stat_replication") != "sync":
            await admin.execute("select pg_sleep(0.01)")
    await admin.close()


@pytest.fixture
def application(tmp_path, monkeypatch):
    """The file of an application of one service, `tests.postgres.tellers`."""
    shutil.copy(Path(__file__).with_name("tellers.py"), tmp_path / "tellers.py")
    (tmp_path / "tellers_migrations").mkdir()
    (tmp_path / "tellers_migrations/0001_tables.sql").write_text(TABLES)
    file = tmp_path / "outgrow.toml"
    file.write_text('[app]\nname = "failover"\nservices = ["tellers"]\n')
    monkeypatch.syspath_prepend(str(tmp_path))
    yield file
    sys.modules.pop("tellers", None)


class Crowd:
    """Tellers who say one number after another, each under a key until it is acknowledged."""

    def __init__(self, client) -> None:
        self.client = client
        self.acknowledged: list[int] = []
        self.repeated: list[int] = []
        self.is_over = False
        self.changed = asyncio.Condition()

    async def say(self, teller: int) -> None:
        number = teller
        while not self.is_over:
            number += TELLERS
            keyed = using(self.client, key=f"number {number}")
            while True:
                try:
                    await keyed.say(str(teller), number)
                    break
                except OutgrowError:
                    self.repeated.append(number)
            self.acknowledged.append(number)
            async with self.changed:
                self.changed.notify_all()

    async def wait(self, more: int) -> None:
        """Until so many more numbers are acknowledged."""
        enough = len(self.acknowledged) + more
        async with asyncio.timeout(45), self.changed:
            await self.changed.wait_for(lambda: len(self.acknowledged) >= enough)


@pytest.mark.timeout(120)
async def test_nothing_acknowledged_is_lost_when_the_standby_takes_over(pair, application):
    primary, standby = pair
    await primary.database("tellers")
    await wait_in_sync(primary)
    role = "outgrow_tests"
    hosts = ",".join(f"127.0.0.1:{server.cluster.port}" for server in pair)
    url = f"postgresql://{role}:{primary._password}@{hosts}/tellers?target_session_attrs=read-write"
    options = Options(stores={"tellers": url})
    async with start_application(read_topology(application), options) as running:
        from tellers import Tellers

        crowd = Crowd(running.client(Tellers))
        async with asyncio.TaskGroup() as tasks:
            for teller in range(TELLERS):
                tasks.create_task(crowd.say(teller))
            await crowd.wait(100)
            before = len(crowd.acknowledged)
            primary.kill()
            run(standby, "pg_ctl", "promote", "-D", HERE, "-w")
            await crowd.wait(100)
            crowd.is_over = True
        while (seconds := await running.settle()) is not None:
            await SystemClock().sleep(seconds)  # An attempt whose commit nobody knows of.
        said = (await crowd.client.said()).numbers
        heard = (await crowd.client.heard()).numbers

    assert len(crowd.acknowledged) >= before + 100
    # Nothing is lost, and what was repeated because nobody knew was done once.
    assert sorted(crowd.acknowledged) == said
    # What was said is heard once, by each teller in order, although positions have jumped.
    assert sorted(heard) == said
    for teller in range(TELLERS):
        own = [number for number in heard if number % TELLERS == teller]
        assert own == sorted(own)
    positions = await _positions(standby)
    assert positions[-1] > len(positions), "the sequence has jumped"


@pytest.mark.timeout(120)
async def test_positions_that_a_lagging_standby_lacks_are_not_given_again(pair, caplog):
    primary, standby = pair
    await primary.database("shop")
    hosts = ",".join(f"127.0.0.1:{server.cluster.port}" for server in pair)
    login = f"postgresql://outgrow_tests:{primary._password}"
    url = f"{login}@{hosts}/shop?target_session_attrs=read-write"

    def opened():
        return open_store(
            url, application="shop", service="s", clock=SystemClock(), schemas=[SCHEMA]
        )

    store = await opened()
    await store.transact(_record)
    await _cut_off(primary, standby)
    lost = [await store.transact(_record) for _ in range(100)]
    primary.kill()
    run(standby, "pg_ctl", "promote", "-D", HERE, "-w")
    while True:
        try:
            after = [await store.transact(_record) for _ in range(2)]
            break
        except StoreUnreachable:
            pass
    await store.close()
    again = await opened()
    after.append(await again.transact(_record))
    await again.close()

    assert after[0] > lost[-1] + 900_000
    assert after == [after[0], after[0] + 1, after[0] + 2], "it went on once"
    told = [one.getMessage() for one in caplog.records if "another server" in one.getMessage()]
    assert len(told) == 1


async def _record(tx) -> int:
    ((position,),) = await tx.own(
        "insert into outgrow_journal (id, kind, type, schema, partition, correlation_id, trace, "
        "caller, recorded_at, body) values (?, 'event', 'E', 1, 0, 'c', 't', 'c', 'now', '{}') "
        "returning position",
        (new_id(),),
    )
    return int(position)


async def _cut_off(primary: PostgresServer, standby: PostgresServer) -> None:
    """From now on, the standby gets nothing any more; what was there before it has."""
    first, second = [await asyncpg.connect(server.admin_url) for server in (primary, standby)]
    async with asyncio.timeout(20):
        end = await first.fetchval("select pg_current_wal_lsn()::text")
        behind = "select pg_last_wal_replay_lsn() < $1::text::pg_lsn"
        while await second.fetchval(behind, end):
            await second.execute("select pg_sleep(0.01)")
        await second.execute("alter system set primary_conninfo = ''")
        await second.execute("select pg_reload_conf()")
        while await first.fetchval("select count(*) from pg_stat_replication"):
            await first.execute("select pg_sleep(0.01)")
    await first.close()
    await second.close()


async def _positions(server: PostgresServer) -> list[int]:
    admin = await asyncpg.connect(server.admin_url, database="tellers")
    try:
        rows = await admin.fetch("select position from outgrow_journal order by position")
        return [row["position"] for row in rows]
    finally:
        await admin.close()
