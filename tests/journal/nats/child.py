"""
One of the two processes, as a program that may be killed.

``python -m tests.journal.nats.child ROLE FOLDER URL POINT NTH``: ``write`` records what is missing
of its events, ``listen`` writes letters; both run until their input ends, or die at the point.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from outgrow import crash
from outgrow.clock import SystemClock
from tests.journal.nats import parts

EVENTS = 300


async def write(folder: Path, url: str) -> None:
    async with parts.writing(folder, url, clock=SystemClock()) as shop:
        for n in range(await shop.delivery.journals["orders"].end(), EVENTS):
            await shop.place([str(n)])
            await SystemClock().sleep(0.001)
        await input_ended()


async def listen(folder: Path, url: str) -> None:
    async with parts.listening(folder, url, clock=SystemClock()):
        sys.stdout.write("listening\n")
        sys.stdout.flush()
        await input_ended()


async def input_ended() -> None:
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(lines), sys.stdin
    )
    await lines.read()


def main() -> None:
    role, folder, url, point, nth = sys.argv[1:]
    if point:
        crash.arm(point, int(nth))
    asyncio.run({"write": write, "listen": listen}[role](Path(folder), url))


if __name__ == "__main__":
    main()
