"""
Makes the stores that are kept beside this file, with the code of the version that they show.

``git worktree add --detach OLD REVISION``, and from this folder
``PYTHONPATH=.:OLD/src python make.py version-1``. Rows of today are not wanted: do not make them
anew when a version is over.
"""

import asyncio
import sqlite3
import sys
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path

from outgrow import using
from outgrow.process import open_service_store
from outgrow.testing import World

HERE = Path(__file__).parent
SERVICES = ("till", "ledger")


async def make(shape: str, state: Path) -> None:
    """Live a little; what is sold last nobody has heard of when all ends."""
    from kiosk.ledger import Ledger
    from kiosk.till import Till

    world = World("together", HERE / "outgrow.toml", state)
    await world.start()
    till, ledger = world.client(Till), world.client(Ledger)
    if shape == "parked":
        await ledger.forbid("cigars", forbidden=True)
    for n, article in enumerate(["tea", "cigars", "milk"]):
        await using(till, key=f"key-{n}").sell(article, 100 + n)
    await world.settle(parked=True)
    await using(till, key="key-3").sell("cigars", 104)
    await world.settle(parked=True)
    await world.stop()
    await sell_unheard(world, state)


async def sell_unheard(world: World, state: Path) -> None:
    """Sales of a process that ended before anybody was told."""
    from kiosk.till import TillService

    async with AsyncExitStack() as stack:
        store, _ = await open_service_store(
            stack,
            state / "store",
            application="kiosk",
            service="till",
            package="kiosk.till",
            clock=world.clock,
        )
        till = object.__new__(TillService)
        till.store = store
        for n, article in enumerate(["bread", "tea"]):
            await till.sell(article, 200 + n)


def main() -> None:
    version = sys.argv[1]
    for shape in ("together", "parked"):
        folder = HERE / version / shape
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory() as state:
            asyncio.run(make(shape, Path(state)))
            for service in SERVICES:
                raw = sqlite3.connect(next(Path(state).rglob(f"{service}.sqlite3")))
                text = "\n".join(raw.iterdump())
                raw.close()
                (folder / f"{service}.sql").write_text(f"{text}\n")


if __name__ == "__main__":
    main()
