"""
3. Power is lost: no acknowledged append is lost, and no peer knows what its source forgot.

What was not synced is dropped, or is there in parts. A store that does not sync each commit must
be found out, or this proves nothing.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import asyncpg
import pytest

from outgrow.calls import using
from outgrow.clock import ManualClock
from outgrow.errors import CallError, StoreError
from tests.crash.harness import Kill, MachineMaker, seed, tell_of_death
from tests.faults.power.disk import Disk
from tests.faults.power.server import PoweredServer
from tests.journal.nats.parts import wait_until
from tests.journal.shop import Shop

CUTS = [
    Kill("store.after_commit", 12),
    Kill("client.after_reply", 20),
    pytest.param(Kill("store.before_commit", 25), marks=pytest.mark.long),
]

NAMES = ("orders", "letters")
CLIENTS = 8
ACKNOWLEDGED = 150
CARELESS = {"synchronous_commit": "off", "wal_writer_delay": "10s"}


@pytest.mark.parametrize("kill", CUTS, ids=str)
def test_no_acknowledged_append_is_lost_and_no_peer_knows_more(
    kill: Kill, tmp_path: Path, mains: MachineMaker
) -> None:
    story = tell_of_death(tmp_path, [kill, Kill("journal.after_effect", 3)], machine=mains)

    assert story.was_killed, str(story)
    assert not story.violations, str(story)


@pytest.mark.long
@pytest.mark.parametrize("number", range(40))
def test_power_is_lost_at_any_moment(number: int, tmp_path: Path, mains: MachineMaker) -> None:
    chance = random.Random(f"{seed()} power {number}")
    points = ["store.after_commit", "store.before_commit", "store.before_checkpoint"]
    points += ["store.after_checkpoint", "journal.after_delivery", "client.after_reply"]
    kills = [Kill(chance.choice(points), chance.randint(1, 30)) for _ in range(2)]
    story = tell_of_death(tmp_path, kills, machine=mains)

    assert not story.violations, str(story)


def test_a_store_that_does_not_sync_its_commits_is_found_out(
    tmp_path: Path, mains: MachineMaker
) -> None:
    kill = Kill("client.after_reply", 12)
    story = tell_of_death(tmp_path, [kill], mutant="not_synced", machine=mains)

    assert any("kept 0 times" in violation for violation in story.violations), str(story)


async def work_until_the_cut(
    folder: Path, servers: list[PoweredServer], chance: random.Random
) -> list[str]:
    """What two servers have lost, and should not, when both lose power under load."""
    urls = {name: await one.server.database() for name, one in zip(NAMES, servers, strict=True)}
    for one in servers:
        one.power_on()
    acknowledged: list[str] = []
    shop = Shop(folder, ManualClock(), urls)
    await shop.open()
    async with asyncio.TaskGroup() as group:
        delivering = group.create_task(shop.delivery.run())
        clients = [group.create_task(ask(shop, n, acknowledged)) for n in range(CLIENTS)]
        await wait_until(lambda: len(acknowledged) >= ACKNOWLEDGED)
        await wait_until(shop.texts)
        told = list(acknowledged)
        for one in servers:
            one.cut(chance if chance.random() < 0.5 else None)
        for one in servers:
            one.recover()
        for task in (delivering, *clients):
            task.cancel()
    return await lost(urls, told)


async def ask(shop: Shop, client: int, acknowledged: list[str]) -> None:
    """Append and append; one that was not acknowledged may be there or not."""
    for number in itertools.count():
        key = f"{client}-{number}"
        try:
            await using(shop.orders, key=key).place(key)
        except (CallError, StoreError):
            return
        acknowledged.append(key)


async def lost(urls: dict[str, str], told: list[str]) -> list[str]:
    """What was acknowledged and is not there, and what is known of that its source forgot."""
    rows = {}
    for name, sql in (
        ("orders", "select order_id from orders"),
        ("journal", "select key from outgrow_journal"),
        ("letters", "select text from letters"),
    ):
        connection = await asyncpg.connect(urls["letters" if name == "letters" else "orders"])
        try:
            rows[name] = [row[0] for row in await connection.fetch(sql)]
        except asyncpg.UndefinedTableError:
            rows[name] = []
        await connection.close()
    found = [f"{key} was acknowledged" for key in told if key not in set(rows["orders"])]
    if sorted(rows["orders"]) != sorted(rows["journal"]):
        found.append("state and events differ")
    heard = [text.split()[0] for text in rows["letters"]]
    found += [f"{key} was heard of" for key in heard if key not in set(rows["journal"])]
    return found


@pytest.mark.timeout(120)
async def test_nothing_acknowledged_is_lost_when_postgresql_loses_power(
    tmp_path: Path, library: Path
) -> None:
    with PoweredServer(library) as orders, PoweredServer(library) as letters:
        chance = random.Random(f"{seed()} postgres")
        assert await work_until_the_cut(tmp_path, [orders, letters], chance) == []


@pytest.mark.long
@pytest.mark.timeout(120)
@pytest.mark.parametrize("number", range(6))
async def test_postgresql_loses_power_at_any_moment(
    number: int, tmp_path: Path, library: Path
) -> None:
    with PoweredServer(library) as orders, PoweredServer(library) as letters:
        chance = random.Random(f"{seed()} postgres {number}")
        assert await work_until_the_cut(tmp_path, [orders, letters], chance) == []


@pytest.mark.long
@pytest.mark.timeout(120)
async def test_a_server_that_acknowledges_before_it_syncs_is_found_out(
    tmp_path: Path, library: Path
) -> None:
    with PoweredServer(library, CARELESS) as orders, PoweredServer(library) as letters:
        found = await work_until_the_cut(tmp_path, [orders, letters], random.Random(1))
    assert any("was acknowledged" in line for line in found)


PROGRAM = """
import os, sys
folder = sys.argv[1]
file = os.open(folder + "/a", os.O_RDWR | os.O_CREAT)
os.write(file, b"synced ")
os.fsync(file)
os.pwrite(file, b"S", 0)
os.write(file, b"not synced")
other = os.open(folder + "/b", os.O_RDWR | os.O_CREAT)
os.write(other, b"never synced")
third = os.open(folder + "/c", os.O_RDWR | os.O_CREAT)
os.write(third, b"moved")
os.fdatasync(third)
os.rename(folder + "/c", folder + "/d")
os.unlink(folder + "/gone")
os.ftruncate(third, 2)
with open(folder + "/kept", "r+b") as kept:
    kept.write(b"new")
os.kill(os.getpid(), 9)
"""


@pytest.fixture
def left(tmp_path: Path, library: Path) -> Callable[[random.Random | None], dict[str, bytes]]:
    """What a disk holds after a program that was cut off."""

    def run(chance: random.Random | None) -> dict[str, bytes]:
        folder = tmp_path / "folder"
        folder.mkdir(exist_ok=True)
        (folder / "gone").write_bytes(b"gone")
        (folder / "kept").write_bytes(b"old")
        disk = Disk(folder, tmp_path / "scratch", library)
        disk.power_on()
        program = [sys.executable, "-c", PROGRAM, str(folder)]
        subprocess.run(program, env=disk.environment, check=False, timeout=20)
        disk.cut(chance)
        return {path.name: path.read_bytes() for path in folder.iterdir()}

    return run


def test_what_was_not_synced_is_gone_after_the_cut(
    left: Callable[[random.Random | None], dict[str, bytes]],
) -> None:
    assert left(None) == {"a": b"synced ", "d": b"moved", "kept": b"old"}


def test_what_was_not_synced_may_be_there_in_parts(
    left: Callable[[random.Random | None], dict[str, bytes]],
) -> None:
    contents = [left(random.Random(number)) for number in range(12)]

    assert all(content["a"][1:7] == b"ynced " for content in contents)
    assert len({content["a"] for content in contents}) > 1
    assert len({content["d"] for content in contents}) > 1
