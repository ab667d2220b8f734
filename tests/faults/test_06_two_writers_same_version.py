"""
6. Two units that append the same version of a stream: exactly one of them is committed, and nothing
is left of the other.
"""

from __future__ import annotations

import asyncio
from typing import Any

from outgrow.errors import StatementFailed
from outgrow.journal.messages import time_text
from outgrow.store import Transaction
from tests.journal.shop import Shop

INSERT = (
    "insert into outgrow_journal (id, stream, version, kind, type, schema, partition, "
    "correlation_id, trace, caller, recorded_at, body) "
    "values (?, 'basket 1', ?, 'event', 'orders.BasketFilled', 1, 0, '', '', '{}', ?, '{}')"
)
WRITERS = 8
VERSIONS = 12


async def test_exactly_one_of_the_writers_of_a_version_wins(shop: Shop) -> None:
    async def append(tx: Transaction, writer: int, version: int) -> int:
        await tx.execute("insert into seen (text) values (:text)", text=f"{version} {writer}")
        now = time_text(shop.clock.now())
        await tx.own(INSERT, (f"{writer}/{version}", version, now))
        return writer

    async def attempt(writer: int, version: int) -> Any:
        try:
            return await shop.stores["orders"].transact(append, writer, version)
        except StatementFailed as error:
            return error

    winners = []
    for version in range(VERSIONS):
        outcomes = await asyncio.gather(*(attempt(n, version) for n in range(WRITERS)))
        won = [one for one in outcomes if isinstance(one, int)]
        lost = [one for one in outcomes if isinstance(one, StatementFailed)]
        assert len(won) == 1
        assert len(lost) == WRITERS - 1
        assert {error.kind for error in lost} == {"IntegrityError"}
        winners += won

    rows = await shop.rows(
        "orders", "select version, id from outgrow_journal where version is not null order by 1"
    )
    assert rows == [(n, f"{winner}/{n}") for n, winner in enumerate(winners)]
    seen = await shop.rows("orders", "select text from seen order by number")
    assert seen == [(f"{n} {winner}",) for n, winner in enumerate(winners)]
