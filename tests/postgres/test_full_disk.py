"""The disk of the PostgreSQL server takes no more for a while."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import asyncpg
import pytest

from outgrow.clock import SystemClock
from outgrow.errors import StoreError
from outgrow.journal import SCHEMA
from outgrow.process.databases import Cluster
from outgrow.store import open_store
from outgrow.testing import PostgresServer

SIZE = "160m"
LEFT_BYTES = 2 * 1024**2
CHUNK_BYTES = 64 * 1024


@pytest.fixture
def small(tmp_path: Path):
    """A server whose files are on a disk of their own, which is small."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = shutil.which("mount")
    if mount is None or os.geteuid() != 0:
        pytest.skip("only root makes a disk that is small")
    command = [mount, "-t", "tmpfs", "-o", f"size={SIZE}", "none", str(place)]
    if subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("no disk can be made here")
    server = PostgresServer(settings={"max_wal_size": "32MB", "min_wal_size": "32MB"})
    server.cluster = Cluster(place / "data", settings=server.cluster.settings)
    try:
        yield server, place
    finally:
        server.close()
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def fill(place: Path) -> Path:
    """Leave room for little."""
    filler = place / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(CHUNK_BYTES))
        except OSError:
            file.truncate(file.tell() - LEFT_BYTES)
    return filler


async def test_a_unit_on_a_full_disk_fails_and_works_when_there_is_room(small, tmp_path):
    server, place = small
    (tmp_path / "migrations").mkdir()
    table = "create table thing (n integer primary key, text text not null);"
    (tmp_path / "migrations/0001_thing.sql").write_text(table)
    store = await open_store(
        await server.database("small"),
        application="shop",
        service="s",
        clock=SystemClock(),
        schemas=[SCHEMA],
        migrations=tmp_path / "migrations",
    )

    async def put(tx, n, length):
        text = os.urandom(length // 2).hex()  # Which nothing makes shorter.
        await tx.execute("insert into thing (n, text) values (:n, :text)", n=n, text=text)

    async with store:
        await store.transact(put, 1, 10)
        admin = await asyncpg.connect(server.admin_url)
        await admin.execute("checkpoint")
        await admin.execute("select pg_switch_wal()")
        filler = fill(place)
        with pytest.raises(StoreError) as failed:
            await store.transact(put, 2, 4 * LEFT_BYTES)
        assert "No space left on device" in str(failed.value)
        await store.transact(put, 3, 10)  # Little still fits.
        filler.unlink()
        await store.transact(put, 4, 2 * LEFT_BYTES)
        async with store.read() as snapshot:
            kept = await snapshot.fetch_all(int, "select n from thing order by n")
        await admin.close()
    assert kept == [1, 3, 4]
