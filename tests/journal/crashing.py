"""
A program that works through the same work until it is done, however often it is killed.

``python -m tests.journal.crashing FOLDER POINT NTH MUTANT``: with a point it dies there; without,
it finishes and prints what is wrong. A mutant is the journal with one of its safeguards removed.
"""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from outgrow import crash
from outgrow.calls import using
from outgrow.clock import ManualClock
from outgrow.journal.consumers.subscription import Subscription
from tests.journal.shop import Shop

ORDERS, KEYS = 24, "abc"


async def work(folder: Path, point: str, nth: int) -> list[str]:
    shop = Shop(folder, ManualClock())
    await shop.open()
    shop.orders_service.thank = shop.letters.write
    if point:
        crash.arm(point, nth)
    async with asyncio.TaskGroup() as group:
        group.create_task(shop.delivery.run())
        shop.letters_service.failures = 2
        for n in range(ORDERS):
            order_id = KEYS[n % len(KEYS)]
            await using(shop.orders, key=f"place {n}").place(order_id, n)
            await using(shop.letters, key=f"ask {n}").write(f"asked {n}")
            if n % 6 == 5:
                await shop.settle_all()
        await shop.settle_all()
        shop.delivery.stop()
    found = await violations(shop)
    await shop.close()
    return found


async def violations(shop: Shop) -> list[str]:
    texts = await shop.texts()
    told = [text for text in texts if "placed" in text]
    found = []
    for key in KEYS:
        expected = [f"{key} placed {n}" for n in range(ORDERS) if KEYS[n % len(KEYS)] == key]
        if (got := [text for text in told if text.startswith(key)]) != expected:
            found.append(f"{key}: {got}")
    asked = sorted(text for text in texts if text.startswith("asked"))
    if asked != sorted(f"asked {n}" for n in range(ORDERS)):
        found.append(f"asked: {asked}")
    thanked = sorted(text for text in texts if text.startswith("thanks"))
    if thanked != sorted(f"thanks for {n}" for n in range(ORDERS)):
        found.append(f"thanked: {thanked}")
    if await shop.orders.count() != ORDERS:
        found.append(f"orders: {await shop.orders.count()}")
    seen = await shop.rows("orders", "select count(*) from seen")
    if seen != [(ORDERS,)]:
        found.append(f"seen: {seen}")
    return found


def mutate(mutant: str) -> None:
    if mutant == "no-inbox-check":

        async def advance(self: Any, tx: Any, message: Any, previous: int) -> None:
            pass

        Subscription._advance = advance
    elif mutant == "two-transactions":
        right = Subscription._advance

        async def attempt(self: Any, message: Any, previous: int | None) -> Any:
            await self._store.transact(self._handle, self._decode(message))
            crash.at("journal.after_effect")
            if previous is None:
                return await self._store.submit(self.waiting.write_removed, message)
            return await self._store.submit(lambda tx: right(self, tx, message, previous))

        Subscription._attempt = attempt
    elif mutant == "cursor-first":
        rightly = Subscription._deliver

        async def deliver(self: Any, batch: Any) -> None:
            self.position = batch.position
            await self._save_cursor()
            await rightly(self, batch)

        Subscription._deliver = deliver


def main() -> None:
    folder, point, nth, mutant = sys.argv[1:]
    mutate(mutant)
    json.dump(asyncio.run(work(Path(folder), point, int(nth))), sys.stdout)


if __name__ == "__main__":
    main()
