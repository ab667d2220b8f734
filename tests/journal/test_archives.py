"""Old rows go into files that prove themselves, out of the store behind all readers, and back."""

from __future__ import annotations

import json
import random
import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from outgrow.errors import ArchiveBroken, ControlError
from outgrow.journal import Decision
from outgrow.journal.archiving import archives as module
from outgrow.journal.archiving import read_rows, verify_archives
from outgrow.journal.auditing import COLUMNS
from tests.journal.conftest import Run
from tests.journal.orders import Noted
from tests.journal.shop import Shop
from tests.journal.test_events import placed, record
from tests.journal.test_sends import send

ADA = Decision(who="ada", reason="a year is over")
NOW = timedelta(0)
DAY = timedelta(days=1)
ALL = "select * from outgrow_journal order by position"


async def filled(shop: Shop, count: int = 6) -> list[tuple[Any, ...]]:
    """Rows of two years ago, all of them handled and saved so."""
    await record(shop, *(placed(f"o{n}", n) for n in range(count - 2)))
    await record(shop, Noted(text='"\\\x7f\u2028 ½ 👩‍👧'))
    await send(shop, "hello")
    await saved(shop)
    return await shop.rows("orders", ALL)


async def saved(shop: Shop) -> None:
    """All consumers have saved how far they are."""
    await shop.settle_all()
    shop.clock.advance(2)
    await shop.settle_all()


def change_line(path: Path, nth: int) -> None:
    texts = path.read_text().split("\n")
    was = texts[nth - 1]
    texts[nth - 1] = was.replace('"system', '"SYSTEM', 1).replace('"shop', '"SHOP', 1)
    path.write_text("\n".join(texts))
    assert texts[nth - 1] != was


async def archive(shop: Shop, folder: Path, older_than: timedelta = NOW) -> Any:
    return await shop.delivery.archives.archive("orders", folder, older_than, ADA)


async def delete(shop: Shop, **passed: int) -> Any:
    return await shop.delivery.archives.delete("orders", passed)


async def restore(shop: Shop, folder: Path) -> Any:
    return await shop.delivery.archives.restore("orders", folder, ADA)


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().split("\n") if line]


async def test_a_file_holds_the_rows_as_they_are_behind_a_header(shop: Shop, tmp_path: Path):
    rows = await filled(shop)

    archived = await archive(shop, tmp_path / "old")

    header, *written = lines(Path(archived.file))
    assert Path(archived.file) == tmp_path / "old" / "orders-000001.jsonl"
    assert (archived.rows, archived.is_all) == (6, True)
    assert header["header"]["application"] == "shop"
    assert (header["header"]["first"], header["header"]["last"]) == (rows[0][0], rows[-1][0])
    assert (header["header"]["rows"], header["header"]["previous"]) == (6, "")
    assert [tuple(line["row"][name] for name in ("position", "id")) for line in written] == [
        row[:2] for row in rows
    ]
    names = COLUMNS.split(", ")
    assert [tuple(row[name] for name in names) for row in read_rows(Path(archived.file))] == rows


async def test_the_store_notes_what_was_archived_and_by_whom(shop: Shop, tmp_path: Path):
    await filled(shop)
    archived = await archive(shop, tmp_path)

    [(number, first, last, count, file, checksum, *_)] = await shop.rows(
        "orders", "select * from outgrow_archive"
    )
    [(name, body)] = await shop.rows(
        "orders", "select type, body from outgrow_journal where kind = 'audit'"
    )

    assert (number, first, last, count) == (1, archived.first, archived.last, 6)
    assert file == archived.file
    assert checksum == lines(Path(file))[-1]["checksum"]
    assert name == "outgrow.Archived"
    assert json.loads(body)["who"] == "ada"


async def test_the_next_file_goes_on_where_the_last_ended(shop: Shop, tmp_path: Path):
    await filled(shop)
    first = await archive(shop, tmp_path)
    await record(shop, placed("later"))
    second = await archive(shop, tmp_path)

    headers = [lines(Path(one.file))[0]["header"] for one in (first, second)]
    [told] = verify_archives(tmp_path)

    assert second.first > first.last
    assert headers[1]["previous"] == lines(Path(first.file))[-1]["checksum"]
    assert (told.files, told.rows) == (2, first.rows + second.rows)
    assert (told.first, told.last) == (first.first, second.last)
    assert (await archive(shop, tmp_path)).rows == 1  # that the second was made
    assert (await archive(shop, tmp_path, DAY)).file is None


async def test_only_what_is_old_enough_is_archived(shop: Shop, tmp_path: Path):
    await record(shop, placed("old", 1), placed("old", 2))
    shop.clock.advance(DAY.total_seconds())
    await record(shop, placed("new"))

    assert (await archive(shop, tmp_path, 2 * DAY)).file is None
    assert (await archive(shop, tmp_path, DAY)).rows == 2
    assert (await archive(shop, tmp_path, DAY)).file is None


async def test_a_long_journal_goes_into_several_files(shop: Shop, tmp_path: Path, monkeypatch):
    monkeypatch.setattr(module, "FILE_ROWS_MAX", 10)
    monkeypatch.setattr(module, "PAGE_ROWS", 4)
    await record(shop, *(placed(f"o{n}", n) for n in range(25)))
    shop.clock.advance(10)

    counts = [await archive(shop, tmp_path, timedelta(seconds=5)) for _ in range(3)]

    assert [(one.rows, one.is_all) for one in counts] == [(10, False), (10, False), (5, True)]
    [told] = verify_archives(tmp_path)
    assert (told.files, told.rows) == (3, 25)


async def test_what_is_archived_is_deleted_but_for_the_newest_row(shop: Shop, tmp_path: Path):
    await filled(shop)
    await archive(shop, tmp_path)
    await saved(shop)

    deleted = await delete(shop)

    assert (deleted.rows, deleted.held_up) == (6, [])
    assert await shop.rows("orders", "select kind from outgrow_journal") == [("audit",)]
    await archive(shop, tmp_path)
    await saved(shop)
    await delete(shop)
    left = await shop.rows("orders", "select type from outgrow_journal")
    assert left == [("outgrow.Archived",)]


async def test_nothing_is_deleted_that_is_not_archived(shop: Shop, tmp_path: Path):
    await filled(shop)
    assert (await delete(shop)).rows == 0
    await archive(shop, tmp_path)
    await record(shop, placed("later", 1), placed("later", 2))
    await saved(shop)

    assert (await delete(shop)).rows == 6


async def test_what_a_consumer_has_not_read_stays(run_shop: Run, tmp_path: Path):
    async with run_shop(deliver=False) as shop:
        await record(shop, placed("a"))
        await archive(shop, tmp_path)
        deleted = await delete(shop)
        assert deleted.rows == 0
        assert set(deleted.held_up) >= {"letters.tell", "orders.see_own"}
    async with run_shop() as shop:
        await saved(shop)
        assert await shop.texts() == ["a placed 1"]
        assert (await delete(shop)).rows == 1


async def test_what_a_consumer_elsewhere_or_a_dead_one_has_not_read_stays(
    shop: Shop, tmp_path: Path
):
    rows = await filled(shop)

    async def die(tx: Any) -> None:
        await tx.own(
            "insert into outgrow_cursor (consumer, source, position) values (?, ?, ?)",
            ("letters.hear", "orders", rows[2][0]),
        )

    await shop.stores["letters"].transact(die)
    await archive(shop, tmp_path)
    await saved(shop)

    first = await delete(shop, **{"far.away": rows[0][0]})
    second = await delete(shop)

    assert (first.rows, first.held_up) == (1, ["far.away", "letters.hear"])
    assert (second.rows, second.held_up) == (2, ["letters.hear"])
    assert [row[0] for row in await shop.rows("orders", ALL)][:1] == [rows[3][0]]


async def test_a_command_whose_sender_has_not_begun_stays(run_shop: Run, tmp_path: Path):
    async with run_shop(deliver=False) as shop:
        await send(shop, "hello")
        await record(shop, placed("a"))
        await archive(shop, tmp_path)
        deleted = await delete(shop)

        assert "orders -> letters" in deleted.held_up
        assert deleted.rows == 0


async def test_parked_messages_outlive_the_deletion_of_their_rows(shop: Shop, tmp_path: Path):
    shop.letters_service.broken.add("a")
    await record(shop, placed("a", 1), placed("a", 2), placed("b"))
    await saved(shop)
    await archive(shop, tmp_path)
    await saved(shop)
    assert (await delete(shop)).rows == 3

    shop.letters_service.broken.clear()
    await shop.delivery.replay("letters.tell", "a")
    await shop.settle_all()

    assert await shop.texts() == ["b placed 1", "a placed 1", "a placed 2"]


async def test_delivery_goes_on_behind_what_was_deleted_and_after_a_restart(
    run_shop: Run, tmp_path: Path, caplog
):
    async with run_shop() as shop:
        await filled(shop)
        await archive(shop, tmp_path / "old")
        await saved(shop)
        await delete(shop)
        await record(shop, placed("next"))
        await shop.settle_all()
        assert (await shop.texts())[-1] == "next placed 1"
    async with run_shop() as shop:
        await record(shop, placed("last"))
        await shop.settle_all()
        assert (await shop.texts())[-1] == "last placed 1"
    assert "was replaced" not in caplog.text


async def test_rows_come_back_to_where_they_were(shop: Shop, tmp_path: Path):
    rows = await filled(shop)
    texts = await shop.texts()
    await archive(shop, tmp_path)
    await saved(shop)
    await delete(shop)

    first = await restore(shop, tmp_path)
    again = await restore(shop, tmp_path)
    await saved(shop)

    assert (first.files, first.rows, first.read) == (1, 6, 6)
    assert (again.rows, again.read) == (0, 6)
    assert (await shop.rows("orders", ALL))[:6] == rows
    assert await shop.texts() == texts
    types = await shop.rows("orders", "select type from outgrow_journal where kind = 'audit'")
    assert types == [("outgrow.Archived",), ("outgrow.Restored",), ("outgrow.Restored",)]


async def test_a_handler_that_begins_at_the_beginning_is_told_that_it_is_not_there(
    run_shop: Run, tmp_path: Path, caplog
):
    async def forget(tx: Any) -> None:
        await tx.own("delete from outgrow_cursor where consumer = ?", ("orders.see_note",))
        await tx.own("delete from outgrow_share where consumer = ?", ("orders.see_note",))
        await tx.own("delete from outgrow_highwater where consumer = ?", ("orders.see_note",))

    async with run_shop() as shop:
        rows = await filled(shop)
        await archive(shop, tmp_path / "old")
        await saved(shop)
        await delete(shop)
    async with run_shop(deliver=False) as shop:
        await shop.stores["orders"].transact(forget)
    async with run_shop() as shop:
        await shop.settle_all()
        assert f"rows up to position {rows[-1][0]} are in archives only" in caplog.text
        caplog.clear()
        await restore(shop, tmp_path / "old")
    async with run_shop(deliver=False) as shop:
        await shop.stores["orders"].transact(forget)
    async with run_shop() as shop:
        await shop.settle_all()
        assert "in archives only" not in caplog.text
        seen = await shop.rows("orders", "select text from seen where text like 'note %'")
        assert len(seen) == 2  # the second time it was heard from the beginning


@pytest.mark.parametrize("nth", [1, 2, 3, 5, 7])
async def test_a_line_that_was_changed_is_named(shop: Shop, tmp_path: Path, nth: int):
    await filled(shop)
    path = Path((await archive(shop, tmp_path)).file)
    change_line(path, nth)

    with pytest.raises(ArchiveBroken) as caught:
        verify_archives(tmp_path)
    assert caught.value.place == f"{path}:{nth}"
    with pytest.raises(ControlError, match="Nothing was changed"):
        await restore(shop, tmp_path)


async def test_what_was_left_out_put_in_moved_or_cut_off_is_found(
    shop: Shop, tmp_path: Path, monkeypatch
):
    monkeypatch.setattr(module, "FILE_ROWS_MAX", 3)
    await filled(shop)
    paths = [Path((await archive(shop, tmp_path)).file) for _ in range(2)]
    header, first, second, third = texts = paths[0].read_text().splitlines(keepends=True)
    whole = "".join(texts)

    for broken in (
        [header, first, third],
        [header, first, first, second, third],
        [header, second, first, third],
        [header, first, second],
        [header, first, second, third[:-1]],
        [header, first, second, third[: len(third) // 2]],
        [header, first, second, third, third],
        [first, second, third],
        [header],
        [""],
    ):
        paths[0].write_text("".join(broken))
        with pytest.raises(ArchiveBroken, match="orders-000001.jsonl:"):
            verify_archives(tmp_path)
    paths[0].write_text(whole)
    verify_archives(tmp_path)


async def test_a_bit_that_turned_anywhere_is_found(shop: Shop, tmp_path: Path):
    await filled(shop)
    archived = await archive(shop, tmp_path)
    find_turned_bits(Path(archived.file), random.Random(11))


def find_turned_bits(path: Path, chance: random.Random) -> None:
    whole = path.read_bytes()
    for place in chance.sample(range(len(whole)), 150):
        turned = bytes([whole[place] ^ 1 << chance.randrange(8)])
        path.write_bytes(whole[:place] + turned + whole[place + 1 :])
        with pytest.raises(ArchiveBroken):
            verify_archives(path.parent)


async def test_a_file_that_is_missing_is_named(shop: Shop, tmp_path: Path, monkeypatch):
    monkeypatch.setattr(module, "FILE_ROWS_MAX", 2)
    await filled(shop)
    paths = [Path((await archive(shop, tmp_path)).file) for _ in range(3)]
    paths[1].unlink()

    with pytest.raises(ArchiveBroken, match="orders-000002.jsonl: it is missing"):
        verify_archives(tmp_path)
    paths[0].unlink()
    [told] = verify_archives(tmp_path)
    assert told.first_file == 3
    paths[2].rename(tmp_path / "orders-000007.jsonl")
    with pytest.raises(ArchiveBroken, match="its name should be that of file 3"):
        verify_archives(tmp_path)


async def test_an_archive_of_another_journal_is_refused(run_shop: Run, shop: Shop, tmp_path: Path):
    await filled(shop)
    archived = await archive(shop, tmp_path)
    (tmp_path / "other").mkdir()
    shutil.copy(archived.file, tmp_path / "other" / "orders-000002.jsonl")

    with pytest.raises(ControlError, match="its name should be that of file 1"):
        await restore(shop, tmp_path / "other")

    async def forget(tx: Any) -> None:
        await tx.own("update outgrow_archive set checksum = 'of another'")

    await shop.stores["orders"].transact(forget)
    with pytest.raises(ControlError, match="is no archive of this journal"):
        await restore(shop, tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ControlError, match="holds no archive of 'orders'"):
        await restore(shop, tmp_path / "empty")
    with pytest.raises(ControlError, match="cannot be read"):
        await restore(shop, tmp_path / "not-there")


async def test_a_folder_that_cannot_be_written_changes_nothing(shop: Shop, tmp_path: Path):
    await filled(shop)
    (tmp_path / "taken").write_text("a file")

    with pytest.raises(ControlError, match="the archive could not be written"):
        await archive(shop, tmp_path / "taken")
    assert await shop.rows("orders", "select count(*) from outgrow_archive") == [(0,)]
    assert (await archive(shop, tmp_path / "free")).rows == 6


async def test_a_file_of_a_process_that_died_before_it_was_noted_is_written_again(
    shop: Shop, tmp_path: Path, monkeypatch
):
    rows = await filled(shop)

    async def die(*_: Any) -> None:
        raise RuntimeError("killed")

    monkeypatch.setattr(module.Archives, "_note", die)
    with pytest.raises(RuntimeError):
        await archive(shop, tmp_path)
    monkeypatch.undo()
    await record(shop, placed("more"))

    archived = await archive(shop, tmp_path)

    assert (archived.rows, archived.first) == (7, rows[0][0])
    assert verify_archives(tmp_path)[0].files == 1
