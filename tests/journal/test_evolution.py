"""What a journal keeps is read by every version of the code that comes later."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from outgrow.errors import InvalidService
from tests.journal.evolving import PAYMENTS, Town, living

JOURNAL = "select type, schema, body from outgrow_journal order by position"


@pytest.fixture(autouse=True)
def _forget_modules() -> Iterator[None]:
    yield
    for name in ("payments", "ledger"):
        sys.modules.pop(name, None)


async def test_the_journal_keeps_each_event_as_it_was_written(tmp_path: Path):
    for version in (1, 2, 3):
        async with living(tmp_path, version) as town:
            await town.pay(("a", version))
            await town.settle_all()
    async with living(tmp_path, 3, since="beginning") as town:
        await town.settle_all()
        rows = await town.rows("payments", JOURNAL)
    assert [(kind, schema, msgspec.json.decode(body)) for kind, schema, body in rows] == [
        ("payments.Paid", 1, {"order_id": "a", "euros": 0.01}),
        ("payments.Charged", 2, {"order_id": "a", "cents": 2}),
        ("payments.Charged", 3, {"order_id": "a", "price": {"cents": 3, "currency": "EUR"}}),
    ]


@pytest.mark.parametrize("then", [2, 3])
async def test_an_event_of_an_older_version_is_read_after_the_restart(tmp_path: Path, then: int):
    async with living(tmp_path, 1, services=("payments",)) as town:
        await town.pay(("a", 150), ("b", 7))
    async with living(tmp_path, then, since="beginning") as town:
        await town.pay(("a", 3))
        await town.settle_all()
        assert await town.bookings() == ["a 150", "b 7", "a 3"]


async def test_a_handler_keeps_its_place_when_its_event_is_renamed(tmp_path: Path):
    async with living(tmp_path, 1) as town:
        await town.pay(("a", 1), ("a", 2))
        await town.settle_all()
        before = await town.rows("ledger", "select * from outgrow_highwater")
    for version in (2, 3, 3):
        async with living(tmp_path, version) as town:
            assert await town.rows("ledger", "select * from outgrow_highwater") == before
            await town.pay(("a", version))
            await town.settle_all()
            before = await town.rows("ledger", "select * from outgrow_highwater")
            consumers = await town.rows("ledger", "select consumer from outgrow_cursor")
    assert await town_bookings(tmp_path, 3) == ["a 1", "a 2", "a 2", "a 3", "a 3"]
    assert consumers == [("ledger.book",)]


async def town_bookings(folder: Path, version: int) -> list[str]:
    async with living(folder, version) as town:
        await town.settle_all()
        return await town.bookings()


async def test_the_order_of_a_key_holds_across_names_and_schemas(tmp_path: Path):
    async with living(tmp_path, 1) as town:
        pass  # The handler is there, and hears nothing yet.
    paid: list[tuple[str, int]] = []
    for version in (1, 2, 3, 1, 3, 2):
        batch = [(f"key-{n % 5}", len(paid) + n) for n in range(20)]
        paid += batch
        async with living(tmp_path, version, services=("payments",)) as town:
            await town.pay(*batch)
    async with living(tmp_path, 3) as town:
        await town.settle_all()
        bookings = await town.bookings()
    for key in {key for key, _ in paid}:
        of_key = [text for text in bookings if text.startswith(f"{key} ")]
        assert of_key == [f"{key} {cents}" for k, cents in paid if k == key]
    assert len(bookings) == len(paid)


async def test_an_event_that_waits_is_read_by_the_version_that_is_there_then(tmp_path: Path):
    fails = PAYMENTS[2].replace("return {", "raise ValueError('no euros today')\n    return {", 1)
    async with living(tmp_path, 1) as town:
        pass
    async with living(tmp_path, 1, services=("payments",)) as town:
        await town.pay(("a", 1))
    async with living(tmp_path, fails) as town:
        await town.pay(("a", 2), ("b", 3))
        await town.settle_all()
        assert await town.bookings() == ["b 3"]
        ((key, error),) = await town.parked()
    assert key == "a"
    assert "payments.Paid at position 1 of payments: the upcaster of schema 1, from_euros" in error
    assert "payments.py:" in error
    assert "raised ValueError: no euros today" in error
    async with living(tmp_path, 3) as town:
        assert await town.delivery.replay("ledger.book", "a") == 2
        await town.settle_all()
        assert await town.bookings() == ["b 3", "a 1", "a 2"]


async def test_the_log_shows_where_the_upcaster_failed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    fails = PAYMENTS[2].replace("return {", "raise ValueError('no euros today')\n    return {", 1)
    async with living(tmp_path, 1, services=("payments",)) as town:
        await town.pay(("a", 1))
    with caplog.at_level(logging.WARNING, "outgrow.journal"):
        async with living(tmp_path, fails, since="beginning") as town:
            await town.delivery.settle()
    (first, *_) = [record for record in caplog.records if "attempt 1 of 8" in record.getMessage()]
    assert first.exc_info is not None
    assert isinstance(first.exc_info[1], ValueError)


async def test_an_event_of_a_newer_version_waits_for_the_newer_code(tmp_path: Path):
    """As after a rollback, or if those who listen are deployed last."""
    async with living(tmp_path, 2) as town:
        pass
    async with living(tmp_path, 3, services=("payments",)) as town:
        await town.pay(("a", 1))
    async with living(tmp_path, 2) as town:
        await town.pay(("a", 2), ("b", 3))
        await town.settle_all()
        assert await town.bookings() == ["b 3"]
        ((key, error),) = await town.parked()
        assert await town.delivery.replay("ledger.book", "a") == 2
        await town.settle_all()
        assert await town.bookings() == ["b 3"]
    assert key == "a"
    assert "was written with schema 3 by a newer version" in error
    assert "knows payments.Charged up to schema 2" in error
    assert "Deploy those who listen first" in error
    async with living(tmp_path, 3) as town:
        await town.delivery.replay("ledger.book", "a")
        await town.settle_all()
        assert await town.bookings() == ["b 3", "a 1", "a 2"]


async def test_what_waits_under_a_name_that_nobody_claims_any_more_says_so(tmp_path: Path):
    fails = PAYMENTS[2].replace("return {", "raise ValueError('no')\n    return {", 1)
    async with living(tmp_path, 1, services=("payments",)) as town:
        await town.pay(("a", 1))
    async with living(tmp_path, fails, since="beginning") as town:
        await town.settle_all()
    async with living(tmp_path, PAYMENTS[2].replace(', aliases=["Paid"]', "")) as town:
        await town.delivery.replay("ledger.book", "a")
        await town.settle_all()
        ((_, error),) = await town.parked()
    assert "payments.Paid at position 1 of payments: ledger.book listens to no event of" in error
    async with living(tmp_path, 2) as town:
        await town.delivery.replay("ledger.book", "a")
        await town.settle_all()
        assert await town.bookings() == ["a 1"]


WITH_NOTE = PAYMENTS[1].replace("    euros: float\n", "    euros: float\n    note: str = 'none'\n")


async def test_a_field_that_is_not_known_is_passed_over_and_kept(tmp_path: Path):
    said = WITH_NOTE.replace("cents / 100)", "cents / 100, note='urgent')")
    async with living(tmp_path, 1) as town:
        pass
    async with living(tmp_path, said, services=("payments",)) as town:
        await town.pay(("a", 1))
    async with living(tmp_path, 1) as town:
        await town.settle_all()
        assert await town.bookings() == ["a 1"]
        ((_, schema, body),) = await town.rows("payments", JOURNAL)
    assert (schema, msgspec.json.decode(body)["note"]) == (1, "urgent")


async def test_a_field_with_a_default_needs_no_schema_of_its_own(tmp_path: Path):
    async with living(tmp_path, 1, services=("payments",)) as town:
        await town.pay(("a", 1))
    async with living(tmp_path, WITH_NOTE, since="beginning") as town:
        await town.settle_all()
        assert await town.bookings() == ["a 1"]


async def test_a_rename_alone_needs_no_upcaster(tmp_path: Path):
    renamed = PAYMENTS[1].replace("Paid(", "Charged(")
    renamed = renamed.replace('key="order_id")', 'key="order_id", aliases=["Paid"])')
    async with living(tmp_path, 1) as town:
        await town.pay(("a", 1))
    async with living(tmp_path, renamed) as town:
        await town.pay(("a", 2))
        await town.settle_all()
        assert await town.bookings() == ["a 1", "a 2"]
        kinds = [row[0] for row in await town.rows("payments", JOURNAL)]
    assert kinds == ["payments.Paid", "payments.Charged"]


async def woken(town: Town) -> None:
    await town.pay(("a", 1))
    await town.delivery.settle()


async def test_a_commit_under_the_new_name_wakes_the_handler(tmp_path: Path):
    async with living(tmp_path, 3) as town:
        await woken(town)
        assert await town.bookings() == ["a 1"]


async def test_a_private_event_without_its_upcaster_is_refused_at_the_start(tmp_path: Path):
    gap = PAYMENTS[2].replace("schema=2, aliases", "schema=3, aliases")
    with pytest.raises(InvalidService, match="has schema 3, and nothing makes schema 3 of 2"):
        async with living(tmp_path, gap):
            pass


async def test_an_operator_finds_an_event_under_all_its_names(tmp_path: Path):
    for version in (1, 2, 3):
        async with living(tmp_path, version) as town:
            await town.pay(("a", version))
            overview = town.delivery.overview
            found = {
                only: [
                    (row.type, row.schema)
                    for row in (await overview.rows("payments", only=only)).rows
                ]
                for only in ("payments.Charged", "payments.Paid", None)
            }
    paid, charged = ("payments.Paid", 1), [("payments.Charged", 2), ("payments.Charged", 3)]
    assert found["payments.Charged"] == found[None] == [paid, *charged]
    assert found["payments.Paid"] == [paid]
