"""What the log says of attempts that fail: once why, always what comes next, and what to do."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from outgrow.context import SYSTEM, Context, enter, leave
from outgrow.telemetry import JsonFormatter
from tests.journal.orders import OrderPlaced
from tests.journal.shop import Shop

Lines = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def lines() -> Iterator[Lines]:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter())
    logging.root.addHandler(handler)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    logging.root.removeHandler(handler)


async def record(shop: Shop, unit: Callable[[Any], Any]) -> None:
    """Run *unit* at orders, in an execution whose correlation id is ``c1``."""
    context = Context(SYSTEM, "c1", 10, 11, 0.0, method="orders.place")
    token = enter(context)
    try:
        await shop.stores["orders"].transact(unit)
    finally:
        leave(token)


def check(lines: list[dict[str, Any]], consumer: str) -> None:
    attempts = [line for line in lines if line["message"].startswith(f"{consumer}: attempt")]
    assert len(attempts) == 8
    assert {line["correlation_id"] for line in attempts} == {"c1"}
    assert ["exception" in line for line in attempts] == [True] + [False] * 7
    assert [line["level"] for line in attempts] == ["warning"] * 7 + ["error"]
    assert "attempt 3 of 8 at" in attempts[2]["message"]
    assert attempts[2]["message"].endswith("; again in 2 s")


async def test_a_handler_that_fails_is_told_with_the_way_to_replay_it(
    shop: Shop, lines: Lines
) -> None:
    shop.letters_service.broken.add("a")
    await record(shop, lambda tx: tx.record(OrderPlaced(order_id="a", cents=1)))
    await shop.settle_all()

    check(lines(), "letters.tell")
    assert lines()[-1]["message"].endswith(
        "; parked, with what comes behind it. "
        "Once the cause is gone: outgrow event replay letters.tell a"
    )


async def test_the_traceback_of_a_handler_ends_in_its_code(shop: Shop, lines: Lines) -> None:
    shop.letters_service.broken.add("a")
    await record(shop, lambda tx: tx.record(OrderPlaced(order_id="a", cents=1)))
    await shop.settle_all()

    assert "outgrow/journal" not in lines()[0]["exception"]
    assert "tests/journal/letters.py" in lines()[0]["exception"]


async def test_a_sent_command_that_fails_is_told_with_the_way_to_replay_it(
    shop: Shop, lines: Lines
) -> None:
    async def add(_tx: object, text: str) -> None:
        raise RuntimeError(text)

    shop.letters_service._add = add
    await record(shop, lambda tx: tx.send(shop.letters.write, "broken"))
    await shop.settle_all()

    check(lines(), "orders -> letters")
    (lane,) = [s for s in await shop.delivery.statistics() if s.consumer == "orders -> letters"]
    assert lines()[-1]["message"].endswith(f"event replay 'orders -> letters' {lane.parked[0]}")
