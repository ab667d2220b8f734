"""Places that cannot keep a store, and disks that fail: said with the way out, and nothing lost."""

import resource
import sqlite3
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from outgrow.clock import SystemClock
from outgrow.errors import DiskFailed, StoreInUse, StoreMisplaced, StoreUnwritable
from outgrow.store import Store, Transaction
from outgrow.store.sqlite.connection import Connection
from outgrow.store.sqlite.opening import Opening
from outgrow.store.sqlite.places import mount_of, refuse_network

COUNT = "select count(*) from item"
LOCAL = "27 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw,discard\n"
HERE = "28 27 0:50 / {point} rw - {kind} {source} rw\n"
OPENER = """
import asyncio, ctypes, pathlib, sys
from outgrow.clock import SystemClock
from outgrow.errors import StoreRefused
from outgrow.store import open_store

class Head(ctypes.Structure):
    _fields_ = [("version", ctypes.c_uint32), ("pid", ctypes.c_int)]

class Sets(ctypes.Structure):
    _fields_ = [("sets", ctypes.c_uint32 * 6)]

# Without its capabilities even the superuser may write only what the mode of a file allows.
ctypes.CDLL(None).capset(ctypes.byref(Head(0x20080522, 0)), ctypes.byref(Sets()))

async def main():
    path = pathlib.Path(sys.argv[1])
    try:
        await open_store(
            path, application="shop", service="s", clock=SystemClock(),
            migrations=pathlib.Path(sys.argv[2]),
        )
    except StoreRefused as error:
        print(type(error).__name__, error)

asyncio.run(main())
"""


def run(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", program, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


async def put(tx: Transaction, name: str) -> None:
    await tx.execute("insert into item (name) values (:name)", name=name)


async def names(store: Store) -> list[str]:
    async with store.read() as snapshot:
        return await snapshot.fetch_all(str, "select name from item order by name")


@pytest.mark.parametrize(
    ("kind", "source"),
    [
        ("nfs4", "files:/home"),
        ("nfs", "files:/home"),
        ("cifs", "//files/home"),
        ("smb3", "//files/home"),
        ("9p", "host"),
        ("fuse.sshfs", "me@files:/"),
        ("fuse.s3fs", "s3fs"),
    ],
)
def test_a_network_file_system_is_refused(tmp_path: Path, kind: str, source: str) -> None:
    mounts = tmp_path / "mounts"
    folder = tmp_path / "state" / "a b"
    point = str(tmp_path / "state").replace("state", r"st\141te")
    mounts.write_text(LOCAL + HERE.format(point=point, kind=kind, source=source))
    path = folder / "s.sqlite3"
    opening = Opening(
        path=path, application="shop", service="s", clock=SystemClock(), mounts=mounts
    )

    with pytest.raises(StoreMisplaced) as caught:
        opening.open()

    text = str(caught.value)
    assert text.startswith(f"{path}: its folder is on {source} ({kind}, mounted at {tmp_path}")
    assert "--state DIR" in text
    assert not folder.exists()


@pytest.mark.parametrize("kind", ["ext4", "xfs", "btrfs", "tmpfs", "overlay", "zfs", "fuse.ntfs3"])
def test_a_local_file_system_is_taken(tmp_path: Path, kind: str) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(
        HERE.format(point="/", kind="nfs", source="root:/")
        + HERE.format(point=tmp_path, kind=kind, source="disk")
    )
    refuse_network(tmp_path / "s.sqlite3", mounts)


def test_the_last_and_nearest_mount_counts() -> None:
    table = "".join(
        HERE.format(point=point, kind=kind, source="x")
        for point, kind in [
            ("/", "ext4"),
            ("/a", "nfs"),
            ("/a/b", "ext4"),
            ("/ab", "9p"),
            ("/a", "xfs"),
        ]
    )
    kinds = {
        path: mount.kind
        for path in ("/x", "/a/x", "/a/b/x", "/ab/x")
        if (mount := mount_of(Path(path), table)) is not None
    }
    assert kinds == {"/x": "ext4", "/a/x": "xfs", "/a/b/x": "ext4", "/ab/x": "9p"}


@pytest.mark.parametrize("table", ["", "nonsense\n", "1 2 3\n- -\n", " - nfs\n"])
def test_a_table_that_says_nothing_refuses_nothing(tmp_path: Path, table: str) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(table)
    refuse_network(tmp_path / "s.sqlite3", mounts)
    refuse_network(tmp_path / "s.sqlite3", tmp_path / "missing")


@pytest.mark.parametrize("what", ["file", "folder", "folder of a file", "parent"])
async def test_what_may_not_be_written_is_refused(open_at: Any, tmp_path: Path, what: str) -> None:
    path = tmp_path / "closed" / "s.sqlite3"
    path.parent.mkdir()
    store = await open_at()
    await store.transact(put, "kept")
    await store.close()
    if what in ("file", "folder of a file"):
        path.write_bytes((tmp_path / "s.sqlite3").read_bytes())
        path.chmod(0o444 if what == "file" else 0o644)
    if what != "file":
        path.parent.chmod(0o555)
    place = path.parent / "new" / "s.sqlite3" if what == "parent" else path

    done = run(OPENER, str(place), str(tmp_path / "migrations"))
    path.parent.chmod(0o755)

    assert done.stdout.startswith(f"StoreUnwritable {place}: it cannot be written: "), done
    assert "Nothing was changed; make it so, and start again." in done.stdout
    if path.exists():
        raw = sqlite3.connect(path)
        assert raw.execute("select name from item").fetchall() == [("kept",)]
        raw.close()


async def test_a_file_that_another_program_writes_is_refused_and_waited_for(
    open_at: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("outgrow.store.sqlite.connection.LOCK_WAIT_SECONDS", 0.01)
    await (await open_at()).close()
    raw = sqlite3.connect(tmp_path / "s.sqlite3", isolation_level=None)
    raw.execute("begin immediate")
    with pytest.raises(StoreInUse, match="another program, such as a database browser"):
        await open_at()
    raw.execute("rollback")
    raw.close()
    await open_at()


@contextmanager
def full_disk() -> Iterator[None]:
    """No file of this process may grow."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_a_store_cannot_be_made_on_a_full_disk_and_can_afterwards(
    open_at: Any, tmp_path: Path
) -> None:
    with full_disk(), pytest.raises(StoreUnwritable):
        await open_at()
    await (await open_at()).transact(put, "a")


async def test_a_commit_on_a_full_disk_fails_and_the_next_one_works(store: Store) -> None:
    await store.transact(put, "a")
    with full_disk():
        for name in ("b", "c"):
            with pytest.raises(
                DiskFailed, match=r"s\.sqlite3: .*make room, and the next unit"
            ) as e:
                await store.transact(put, name)
            assert e.value.kind == "CommitFailed"
        assert await names(store) == ["a"]
    await store.transact(put, "d")
    assert await names(store) == ["a", "d"]


async def fill(tx: Transaction, text: str) -> None:
    await tx.execute("insert into filling (text) values (:text)", text=text)


async def test_a_statement_on_a_full_disk_fails_its_unit_and_its_neighbours_are_run_again(
    open_at: Any, tmp_path: Path
) -> None:
    # Nothing can fail in an insert here but the disk, so SQLite rolls all back and not only that.
    table = tmp_path / "migrations" / "0002_filling.sql"
    table.write_text("create table filling (text text) strict;")
    store = await open_at()
    for name in ("1", "2"):
        await store.transact(put, name)  # Known to be quick: units share a commit from here on.
        await store.transact(fill, name)
    raw = store._database._connection.raw  # to fill the disk
    pages = raw.execute("pragma page_count").fetchone()[0]
    raw.execute(f"pragma max_page_count = {pages + 2}")

    before = await store.submit(put, "before")
    with pytest.raises(DiskFailed, match="database or disk is full"):
        await (await store.submit(fill, "x" * 100_000))
    after = await store.submit(put, "later")
    await before
    await after

    assert await names(store) == ["1", "2", "before", "later"]
    assert store.statistics()["units_repeated"] == 1
    raw.execute("pragma max_page_count = 1000000")
    await store.transact(fill, "x" * 100_000)


async def test_a_unit_that_cannot_be_taken_back_takes_nobody_along(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(tx: Transaction) -> None:
        await put(tx, "failed")
        monkeypatch.setattr(Connection, "take_back", _fail)
        raise KeyError("its own")

    before = await store.submit(put, "before")
    with pytest.raises(KeyError, match="its own"):
        await (await store.submit(fail))
    await before
    await store.transact(put, "later")
    assert await names(store) == ["before", "later"]


def _fail(_: Connection) -> None:
    raise DiskFailed("disk I/O error", "OperationalError")


async def test_a_file_that_is_damaged_while_it_is_open_is_told(
    open_at: Any, tmp_path: Path
) -> None:
    store = await open_at()
    for number in range(400):
        await store.submit(put, f"{number}" + "x" * 1000)
    await store.close()
    store = await open_at()
    # Not by this process: closing the file would end the locks that SQLite has on it.
    damage = f"""
        with open({str(tmp_path / "s.sqlite3")!r}, "r+b") as file:
            file.seek(10 * 4096)
            file.write(b"\\xa5" * 300_000)
    """
    assert run(textwrap.dedent(damage)).returncode == 0
    with pytest.raises(DiskFailed, match=r"s\.sqlite3: .*malformed.*outgrow store restore"):
        await names(store)
