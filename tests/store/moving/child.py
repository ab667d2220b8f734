"""Move a store in a process of its own, which dies at a crash point: child.py JSON."""

import asyncio
import json
import sys
from pathlib import Path

from outgrow import crash
from outgrow.clock import SystemClock
from outgrow.journal import SCHEMA
from outgrow.store import open_store
from outgrow.store.moving import Move, StateFile, abandon, confirm
from tests.store.moving.ends import end_of, place_of


async def main(wanted: dict) -> None:
    source, target = place_of(wanted["source"]), place_of(wanted["target"])
    state = StateFile(Path(wanted["state"]))

    async def make_target() -> None:
        store = await open_store(
            target,
            application="shop",
            service="s",
            clock=SystemClock(),
            migrations=Path(wanted["migrations"]),
            schemas=[SCHEMA],
        )
        await store.close()

    crash.arm(wanted["point"], wanted["nth"])
    old, new = end_of(source), end_of(target)
    if wanted["verb"] == "move":
        move = Move(
            application="shop",
            service="s",
            source=old,
            target=new,
            setting="there",
            old_setting="here",
            secrets=("", ""),
            state=state,
            make_target=make_target,
            hosts=None,
            clock=SystemClock(),
            progress=lambda what, done, total: None,
        )
        await move.run()
    elif wanted["verb"] == "confirm":
        await confirm(state, state.read(), old, new)
    else:
        await abandon(state, state.read(), old, new)
    await old.close()
    await new.close()


if __name__ == "__main__":
    asyncio.run(main(json.loads(sys.argv[1])))
