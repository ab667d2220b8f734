"""
A program in which a key is parked, and replayed once its cause is gone; killed wherever it is told.

``python -m tests.journal.replaying FOLDER POINT NTH``: with a point it dies there, after the replay
was asked for; without, it finishes and prints what its handler wrote, and what was audited.
"""

import asyncio
import json
import sys
from pathlib import Path

from outgrow import crash
from outgrow.clock import ManualClock
from outgrow.journal import Decision
from tests.journal.shop import Shop
from tests.journal.test_events import placed, record

EVENTS = 5


async def work(folder: Path, point: str, nth: int) -> dict[str, list[str]]:
    shop = Shop(folder, ManualClock())
    await shop.open()
    async with asyncio.TaskGroup() as group:
        group.create_task(shop.delivery.run())
        if not await shop.rows("orders", "select 1 from outgrow_journal"):
            shop.letters_service.broken.add("a")
            await record(shop, *(placed("a", n) for n in range(EVENTS)))
            await shop.settle_all()
            shop.letters_service.broken.clear()
        if point:
            crash.arm(point, nth)
        await shop.delivery.decisions.replay("letters.tell", "a", Decision(who="ada"))
        await shop.settle_all()
        shop.delivery.stop()
    kinds = await shop.rows("letters", "select type from outgrow_journal where kind = 'audit'")
    told = {"texts": await shop.texts(), "audits": [kind for (kind,) in kinds]}
    await shop.close()
    return told


def main() -> None:
    folder, point, nth = sys.argv[1:]
    json.dump(asyncio.run(work(Path(folder), point, int(nth))), sys.stdout)


if __name__ == "__main__":
    main()
