"""What is logged while the server of a store is away, and when it is back."""

import logging
from typing import Any

from outgrow.errors import StoreUnreachable
from outgrow.journal.consumers.progress import Progress
from tests.journal.shop import Shop


async def test_a_server_that_is_away_is_told_in_one_line_each_ten_seconds(
    shop: Shop, monkeypatch, caplog
):
    caplog.set_level(logging.INFO, "outgrow.journal")
    await shop.settle_all()
    load, failures, back_at = Progress.load, 0, shop.clock.monotonic() + 24.5

    async def load_later(progress: Progress, *args: Any) -> Any:
        nonlocal failures
        if shop.clock.monotonic() < back_at:
            failures += 1
            raise StoreUnreachable("postgresql://db.example/letters", "ConnectionRefusedError")
        return await load(progress, *args)

    monkeypatch.setattr(Progress, "load", load_later)
    shop.delivery._reload_consumers("letters")
    await shop.settle_all()

    told = [one for one in caplog.records if one.getMessage().startswith("letters.tell: ")]
    away, back = told[:-1], told[-1]
    assert failures >= 25
    assert len(away) == 3
    assert all(one.levelno == logging.WARNING and one.exc_info is None for one in away)
    assert all("waits. postgresql://db.example/letters: " in one.getMessage() for one in away)
    assert back.getMessage() == "letters.tell: reads orders again"


async def test_anything_else_is_told_with_its_traceback(shop: Shop, monkeypatch, caplog):
    await shop.settle_all()
    load, failures = Progress.load, 2

    async def load_later(progress: Progress, *args: Any) -> Any:
        nonlocal failures
        if failures:
            failures -= 1
            raise OSError("the disk is away")
        return await load(progress, *args)

    monkeypatch.setattr(Progress, "load", load_later)
    shop.delivery._reload_consumers("letters")
    await shop.settle_all()

    told = [one for one in caplog.records if "was interrupted" in one.getMessage()]
    assert len(told) == 2
    assert all(one.exc_info and one.exc_info[0] is OSError for one in told)
