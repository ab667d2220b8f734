"""
Writes the histories that later versions must replay: ``python -m tests.sagas.histories.record``.

What is committed is never written anew: a history of an older version is worth keeping because
nobody can make it any more. Only files that are not there yet are written.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from outgrow.clock import ManualClock
from outgrow.sagas import SCHEMA
from outgrow.sagas.book import SagaRow, StepRow
from tests.sagas.timing.tills import Paid
from tests.sagas.timing.village import Village

FOLDER = Path(__file__).parent
DAY = 86_400.0


async def _remind(village: Village) -> None:
    await village.begin("remind", "a", 60, key="k")
    await village.pass_time(60.0)


async def _sell(village: Village) -> None:
    await village.begin("sell", "a", key="k")
    await village.till.pay("a", 7)
    await village.settle()


async def _offer_unpaid(village: Village) -> None:
    await village.begin("offer", "a", 60, key="k")
    await village.pass_time(60.0)


async def _charge(village: Village) -> None:
    await village.begin("charge", "a", 7, key="k")


async def _charge_too_much(village: Village) -> None:
    await village.begin("charge", "a", 700, key="k")


async def _thank(village: Village) -> None:
    await village.bookings.thank(Paid(order_id="a", cents=3))


RECORDED: dict[str, tuple[str, Callable[[Village], Awaitable[None]]]] = {
    "remind": ("bookings.remind", _remind),
    "sell": ("bookings.sell", _sell),
    "offer-unpaid": ("bookings.offer", _offer_unpaid),
    "charge": ("bookings.charge", _charge),
    "charge-too-much": ("bookings.charge", _charge_too_much),
    "thank": ("bookings.thank", _thank),
}


async def history_of(village: Village, method: str) -> dict[str, Any]:
    """What is written down of the one saga of *method*, by the names of the columns."""
    saga, step = SagaRow.__struct_fields__, StepRow.__struct_fields__
    sql = f"select {', '.join(saga)} from outgrow_saga where method = ?"
    (row,) = await village.rows(sql, method)
    sql = f"select {', '.join(step)} from outgrow_step where saga = ? order by number"
    steps = await village.rows(sql, row[0])
    return {
        "schema": SCHEMA.version,
        "saga": dict(zip(saga, row, strict=True)),
        "steps": [dict(zip(step, each, strict=True)) for each in steps],
    }


async def record(name: str) -> dict[str, Any]:
    method, happen = RECORDED[name]
    with tempfile.TemporaryDirectory(prefix="og-") as folder:
        async with Village(Path(folder), ManualClock(), {}).running() as village:
            await happen(village)
            await village.settle()
            return await history_of(village, method)


def main() -> None:
    for name in RECORDED:
        file = FOLDER / f"{SCHEMA.version}-{name}.json"
        if not file.exists():
            file.write_text(json.dumps(asyncio.run(record(name)), indent=2) + "\n")


if __name__ == "__main__":
    main()
