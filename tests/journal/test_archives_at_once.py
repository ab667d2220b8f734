"""Several who archive at once, stores that were brought back, and files that are not there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from outgrow.errors import ArchiveBroken, ControlError
from outgrow.journal.archiving import archives as module
from outgrow.journal.archiving import read_rows, verify_archives
from outgrow.journal.archiving.files import FileWriter, end_of, read_header
from tests.journal.shop import Shop
from tests.journal.test_archives import ADA, NOW, archive, delete, filled, restore, saved
from tests.journal.test_events import placed, record


def another_operator(shop: Shop) -> module.Archives:
    """Archives of another process over the same stores."""
    delivery = shop.delivery
    return module.Archives(shop.stores, delivery._outboxes, delivery.journals)


def files_in(folder: Path) -> list[str]:
    return [str(path) for path in folder.glob("**/*.jsonl")]


def take_away(path: Path) -> bytes:
    """Take a file away; what was in it."""
    was = path.read_bytes()
    path.unlink()
    return was


@pytest.mark.parametrize("when", ["before", "behind"])
@pytest.mark.parametrize("folders", [("one", "one"), ("one", "two")])
async def test_of_two_who_archive_at_once_one_is_refused_and_each_row_is_in_one_file(
    shop: Shop, tmp_path: Path, when: str, folders: tuple[str, str], monkeypatch
):
    await filled(shop)
    late, quick = (tmp_path / folder for folder in folders)
    other, write = another_operator(shop), module.Archives._write
    told = []

    async def meanwhile(self: Any, *args: Any) -> Any:
        if self is other:
            return await write(self, *args)
        written = await write(self, *args) if when == "behind" else None
        told.append(await other.archive("orders", quick, NOW, ADA))
        return written or await write(self, *args)

    monkeypatch.setattr(module.Archives, "_write", meanwhile)
    with pytest.raises(ControlError, match="at the same time|could not be written"):
        await archive(shop, late)

    noted = await shop.rows("orders", "select file, checksum, events from outgrow_archive")
    assert noted == [(told[0].file, end_of(Path(told[0].file)), 6)]
    assert files_in(tmp_path) == [told[0].file]
    await saved(shop)
    assert (await delete(shop)).rows == 6
    assert (await restore(shop, quick)).rows == 6


async def test_nothing_is_deleted_whose_file_is_gone_or_another(shop: Shop, tmp_path: Path):
    await filled(shop)
    archived = await archive(shop, tmp_path)
    await saved(shop)
    whole = take_away(Path(archived.file))

    with pytest.raises(ControlError, match="stay in the journal"):
        await delete(shop)
    for change in (lambda: cut(archived.file, whole), lambda: change_rows(archived.file, whole)):
        change()
        with pytest.raises(ControlError, match="stay in the journal"):
            await delete(shop)

    kept = "select count(*) from outgrow_journal where kind <> 'audit'"
    assert await shop.rows("orders", kept) == [(6,)]
    put_there(archived.file, whole)
    assert (await delete(shop)).rows == 6


def put_there(file: str, content: bytes) -> None:
    Path(file).write_bytes(content)


def cut(file: str, whole: bytes) -> None:
    put_there(file, whole[:-1])


def change_rows(file: str, whole: bytes) -> None:
    """Put a file there that proves itself, and holds something else."""
    path = Path(file)
    path.write_bytes(whole)
    other = FileWriter(path.parent / "other", read_header(path))
    other.write({**row, "caller": "{}"} for row in read_rows(path))
    other.finish()
    path.write_bytes(other.path.read_bytes())


async def test_a_file_is_never_replaced_by_a_store_that_was_brought_back(
    shop: Shop, tmp_path: Path
):
    await filled(shop)
    first = await archive(shop, tmp_path)
    await record(shop, placed("later", 1))
    second = await archive(shop, tmp_path)

    async def bring_back(tx: Any) -> None:
        await tx.own("delete from outgrow_archive where number = 2")

    await shop.stores["orders"].transact(bring_back)
    third = await archive(shop, tmp_path)

    names = ["orders-000001.jsonl", "orders-000002.jsonl", "orders-000003.jsonl"]
    assert sorted(Path(file).name for file in files_in(tmp_path)) == names
    assert Path(third.file).name == names[2]
    assert verify_archives(tmp_path)[0].files == 3
    with pytest.raises(ControlError, match="Move it to another folder"):
        await restore(shop, tmp_path)
    whole = take_away(Path(second.file))
    assert (await restore(shop, tmp_path)).files == 2
    put_there(second.file, whole)
    take_away(Path(first.file))
    with pytest.raises(ArchiveBroken, match="the file before it ended"):
        verify_archives(tmp_path)


async def test_what_is_deleted_while_it_is_put_back_is_told(
    shop: Shop, tmp_path: Path, monkeypatch
):
    await filled(shop)
    await archive(shop, tmp_path)
    await saved(shop)
    await delete(shop)
    put_back = module._insert

    async def lose(tx: Any, page: list[Any]) -> int:
        back = await put_back(tx, page)
        await tx.own("delete from outgrow_journal where position = ?", (page[0]["position"],))
        return back

    monkeypatch.setattr(module, "_insert", lose)
    with pytest.raises(ControlError, match="were deleted while they were put back"):
        await restore(shop, tmp_path)
    monkeypatch.undo()
    assert (await restore(shop, tmp_path)).rows == 1
