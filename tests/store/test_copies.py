"""Copies of a store: of one moment while it is written, checked, and brought back whole or not."""

import asyncio
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from outgrow.clock import SystemClock
from outgrow.errors import (
    MigrationFailed,
    StoreInUse,
    StoreOfAnother,
    StoreRefused,
    StoreUnreadable,
)
from outgrow.store import Schema, Store, Transaction
from outgrow.store.sqlite import Opening, bring_back, copies, copy_store, look_into

SCHEMA = Schema("probe", 1, "create table outgrow_probe (n integer);", {})
DYING = """
import os, sqlite3, sys
raw = sqlite3.connect(sys.argv[1], isolation_level=None)
raw.execute("pragma wal_autocheckpoint = 0")
raw.execute("insert into item (name) values (?)", (sys.argv[2],))
os._exit(9)
"""


async def put(tx: Transaction, name: str) -> None:
    await tx.execute("insert into item (name) values (:name)", name=name)
    await tx.execute("insert into counted default values")


async def put_some(store: Store, *names: str) -> None:
    for name in names:
        await store.transact(put, name)


def names(path: Path) -> list[str]:
    with sqlite3.connect(path) as raw:
        found = [name for (name,) in raw.execute("select name from item order by name")]
    raw.close()
    return found


def copy(tmp_path: Path, name: str = "copy", **changed: Any) -> Path:
    options: dict[str, Any] = {"application": "shop", "service": "s", "tell": lambda *_: None}
    copy_store(tmp_path / "s.sqlite3", tmp_path / name, **(options | changed))
    return tmp_path / name


def bring(
    tmp_path: Path, file: Path, *, aside: str = "aside", least: int = 0, **changed: Any
) -> bool:
    options: dict[str, Any] = {
        "path": tmp_path / "s.sqlite3",
        "application": "shop",
        "service": "s",
        "clock": SystemClock(),
        "migrations": tmp_path / "migrations",
        "schemas": [SCHEMA],
    }
    positions = {"counted": least} if least else {}
    return bring_back(Opening(**(options | changed)), file, positions, tmp_path / aside)


def files(folder: Path, name: str) -> list[str]:
    """What begins with *name* there."""
    return sorted(path.name for path in folder.glob(f"{name}*"))


def die(path: Path, name: str) -> None:
    """Commit something in a process that ends without moving the log into the file."""
    done = subprocess.run([sys.executable, "-c", DYING, path, name], check=False)
    assert done.returncode == 9
    assert path.with_name(f"{path.name}-wal").stat().st_size


async def test_a_copy_holds_whole_units_of_one_moment_and_nobody_waits_for_it(
    store: Store, tmp_path: Path
) -> None:
    for number in range(300):
        await store.transact(put, f"{number}{'x' * 8000}")
    is_over = False
    told = []

    async def write() -> int:
        count = 0
        while not is_over:
            await store.transact(put, f"later {count}")
            count += 1
        return count

    writing = asyncio.get_running_loop().create_task(write())
    async with asyncio.timeout(20):
        while store.statistics()["units"] < 310:
            await SystemClock().sleep(0)
    before = store.statistics()["units"]
    during = 0.0

    def tell(done: int, pages: int) -> None:
        nonlocal during
        told.append((done, pages))
        during = store.statistics()["units"] - before

    file = await asyncio.to_thread(copy, tmp_path, tell=tell)
    is_over = True
    await writing

    assert len(told) >= 2
    assert told[-1][0] == told[-1][1]
    assert during > 0
    with sqlite3.connect(file) as raw:
        (items,), (counted,) = (
            raw.execute(f"select count(*) from {table}").fetchone() for table in ("item", "counted")
        )
        assert raw.execute("pragma journal_mode").fetchone() == ("delete",)
        assert raw.execute("pragma integrity_check").fetchone() == ("ok",)
    raw.close()
    assert items == counted
    assert before <= items < store.statistics()["units"]
    assert files(tmp_path, "copy") == ["copy"]


async def test_what_a_dead_process_left_in_the_log_is_copied_and_kept_aside(
    open_at: Any, tmp_path: Path
) -> None:
    await put_some(store := await open_at(), "a")
    await store.close()
    first = copy(tmp_path)
    die(tmp_path / "s.sqlite3", "in the log")

    assert names(copy(tmp_path, "second")) == ["a", "in the log"]
    die(tmp_path / "s.sqlite3", "later")
    assert bring(tmp_path, first)

    assert names(tmp_path / "aside") == ["a", "in the log", "later"]
    assert names(tmp_path / "s.sqlite3") == ["a"]
    await put_some(await open_at(), "b")


@pytest.mark.parametrize(
    ("changed", "error", "message"),
    [
        ({"service": "t"}, StoreOfAnother, "it belongs to service 's' of application 'shop'"),
        ({"application": "bank"}, StoreOfAnother, "it belongs to service 's'"),
    ],
)
async def test_a_copy_of_anothers_store_is_not_made(
    open_at: Any, tmp_path: Path, changed: dict[str, str], error: type[Exception], message: str
) -> None:
    await open_at()
    with pytest.raises(error, match=message):
        copy(tmp_path, **changed)
    assert not (tmp_path / "copy").exists()


def test_what_is_no_store_is_not_copied(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite3"
    with pytest.raises(StoreRefused, match="there is no such file"):
        copy(tmp_path)
    path.write_text("no database\n" * 1000)
    with pytest.raises(StoreUnreadable, match="not a database"):
        copy(tmp_path)
    path.unlink()
    with sqlite3.connect(path) as raw:
        raw.execute("create table theirs (n)")
    raw.close()
    with pytest.raises(StoreOfAnother, match="no store of outgrow's"):
        copy(tmp_path)


async def test_a_damaged_store_gives_no_copy(open_at: Any, tmp_path: Path) -> None:
    await put_some(store := await open_at(), *(f"{n}{'x' * 3000}" for n in range(50)))
    await store.close()
    damage(tmp_path / "s.sqlite3")
    with pytest.raises(StoreUnreadable, match="Restore it from a backup"):
        copy(tmp_path)


def damage(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(20 * 4096)
        file.write(b"\xa5" * 40_000)


async def test_a_store_in_use_is_not_replaced(open_at: Any, tmp_path: Path) -> None:
    store = await open_at()
    await put_some(store, "a")
    file = await asyncio.to_thread(copy, tmp_path)
    await put_some(store, "b")
    with pytest.raises(StoreInUse, match=f"process {os.getpid()} has it open"):
        bring(tmp_path, file)
    await put_some(store, "c")
    await store.close()
    reader = sqlite3.connect(tmp_path / "s.sqlite3", isolation_level=None)
    reader.execute("begin")
    reader.execute("select * from item").fetchall()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(copies, "LOCK_WAIT_SECONDS", 0.01)
        with pytest.raises(StoreInUse, match="another program"):
            bring(tmp_path, file)
    reader.close()
    assert names(tmp_path / "s.sqlite3") == ["a", "b", "c"]


def _damage(tmp_path: Path, file: Path) -> dict[str, Any]:
    damage(file)
    return {}


def _older_program(tmp_path: Path, file: Path) -> dict[str, Any]:
    (tmp_path / "migrations" / "0001_tables.sql").unlink()
    return {}


def _changed_migration(tmp_path: Path, file: Path) -> dict[str, Any]:
    (tmp_path / "migrations" / "0001_tables.sql").write_text("select 1;")
    return {}


def _newer_schema(tmp_path: Path, file: Path) -> dict[str, Any]:
    with sqlite3.connect(file) as raw:
        raw.execute("update outgrow_meta set value = '2' where name = 'schema:probe'")
    raw.close()
    return {}


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (_damage, StoreUnreadable),
        (_older_program, StoreUnreadable),
        (_changed_migration, MigrationFailed),
        (_newer_schema, StoreUnreadable),
        (lambda *_: {"service": "t"}, StoreOfAnother),
    ],
)
async def test_a_copy_that_could_not_be_opened_is_not_brought_back(
    open_at: Any,
    tmp_path: Path,
    change: Callable[[Path, Path], dict[str, Any]],
    error: type[Exception],
) -> None:
    await put_some(store := await open_at(), *(f"{n}{'x' * 3000}" for n in range(50)))
    await store.close()
    file = copy(tmp_path)
    before = (tmp_path / "s.sqlite3").read_bytes()
    with pytest.raises(error):
        bring(tmp_path, file, **change(tmp_path, file))
    assert (tmp_path / "s.sqlite3").read_bytes() == before
    assert files(tmp_path, "aside") == files(tmp_path, "s.sqlite3.restoring") == []


async def test_rows_that_are_longer_than_a_unit_may_write_are_copied_and_brought_back(
    open_at: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await put_some(store := await open_at(), "a" * 3_000_000)
    await store.close()
    monkeypatch.setattr("outgrow.store.sqlite.connection.ROW_BYTES_MAX", 1_000_000)
    file = copy(tmp_path)
    bring(tmp_path, file)
    store = await open_at()
    async with store.read() as snapshot:
        assert await snapshot.fetch_one(int, "select n from item") == 0
    await store.transact(_empty)
    assert names(tmp_path / "s.sqlite3") == []


async def _empty(tx: Transaction) -> None:
    await tx.execute("delete from item")


@pytest.mark.parametrize("state", ["there", "lost", "damaged", "least"])
async def test_numbers_that_were_given_are_not_given_again(
    open_at: Any, tmp_path: Path, state: str
) -> None:
    await put_some(store := await open_at(), "a", "b")
    file = await asyncio.to_thread(copy, tmp_path)
    await put_some(store, "c", "d")
    await store.close()
    if state == "lost":
        (tmp_path / "s.sqlite3").unlink()
    if state == "damaged":
        (tmp_path / "s.sqlite3").write_bytes(b"\xa5" * 10_000)

    bring(tmp_path, file, least=40 if state == "least" else 0)
    await put_some(store := await open_at(), "e")

    async with store.read() as snapshot:
        ids = await snapshot.fetch_all(int, "select id from counted order by id")
    # Of a service's own tables no more is known than what the old store says.
    assert ids == [1, 2, {"there": 5, "lost": 3, "damaged": 3, "least": 41}[state]]
    aside = tmp_path / "aside"
    if state == "damaged":
        assert aside.read_bytes() == b"\xa5" * 10_000
    assert aside.exists() is (state != "lost")


async def test_the_journal_of_a_lost_store_goes_on_far_behind(open_at: Any, tmp_path: Path) -> None:
    ddl = "create table outgrow_probe (n integer primary key autoincrement);"
    schema = Schema("probe", 1, ddl, {})
    store = await open_at(schemas=[schema])

    async def note(tx: Transaction) -> int:
        ((n,),) = await tx.own("insert into outgrow_probe default values returning n")
        return int(n)

    await store.transact(note)
    file = await asyncio.to_thread(copy, tmp_path)
    await store.close()
    (tmp_path / "s.sqlite3").unlink()
    bring(tmp_path, file)
    store = await open_at(schemas=[schema])
    assert await store.transact(note) == 1 + copies.POSITIONS_SKIPPED + 1


@pytest.mark.parametrize("step", ["copyfile", "link", "replace", "fold"])
async def test_a_restoration_that_fails_leaves_the_store_as_it_was(
    open_at: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    await put_some(store := await open_at(), "a")
    await store.close()
    file = copy(tmp_path)
    die(tmp_path / "s.sqlite3", "in the log")

    def fail(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    where: dict[str, tuple[Any, str]] = {
        "copyfile": (shutil, "copyfile"),
        "link": (os, "link"),
        "replace": (Path, "replace"),
        "fold": (copies, "_fold"),
    }
    with monkeypatch.context() as patch:
        patch.setattr(*where[step], fail)
        with pytest.raises(StoreRefused, match="the disk is full"):
            bring(tmp_path, file)

    assert files(tmp_path, "s.sqlite3.restoring") == []
    assert names(tmp_path / "s.sqlite3") == ["a", "in the log"]
    bring(tmp_path, file, aside="second")
    assert names(tmp_path / "s.sqlite3") == ["a"]


async def test_a_store_in_use_can_be_looked_into(store: Store, tmp_path: Path) -> None:
    await put_some(store, "a", "b")
    contents = await asyncio.to_thread(look_into, tmp_path / "s.sqlite3")
    assert contents.meta["service"] == "s"
    assert [one.name for one in contents.migrations] == ["0001_tables.sql"]
    assert contents.positions["counted"] == 2


@pytest.mark.skipif(os.geteuid() != 0, reason="only the superuser can give files away")
@pytest.mark.parametrize("is_lost", [False, True])
async def test_what_the_superuser_brings_back_belongs_to_whom_it_belonged_to(
    open_at: Any, tmp_path: Path, is_lost: bool
) -> None:
    await put_some(store := await open_at(), "a")
    await store.close()
    file = copy(tmp_path)
    path = tmp_path / "s.sqlite3"
    for one in (tmp_path, path):
        os.chown(one, 65534, 65534)
    if is_lost:
        path.unlink()
        (tmp_path / "s.sqlite3.lock").unlink()

    bring(tmp_path, file)

    for one in (path, tmp_path / "s.sqlite3.lock"):
        status = await asyncio.to_thread(one.stat)
        assert (status.st_uid, status.st_gid) == (65534, 65534)
