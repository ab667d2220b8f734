# Its library is not in the environment of our tools.
# mypy: ignore-errors
# ruff: noqa: ANN001, ANN201, ANN202
"""
From publishing to the effect of a handler by FastStream: ``with_faststream.py URL FILE``.

The handler commits one update in SQLite, durably. There is no journal, and no inbox: what dies
between the two is lost or doubled.
"""

import asyncio
import sqlite3
import sys
from time import perf_counter

from faststream.nats import JStream, NatsBroker, PullSub
from serving import serve


async def main(url, file):
    broker = NatsBroker(url, logger=None)
    stream = JStream("peer", subjects=["peer.>"])
    rows = sqlite3.connect(file, isolation_level=None)
    rows.execute("pragma journal_mode = wal")
    rows.execute("pragma synchronous = full")
    rows.execute("create table heard (account_id integer primary key, count integer not null)")
    rows.executemany("insert into heard values (?, 0)", [(n,) for n in range(64)])
    done = asyncio.Event()
    left = 0

    @broker.subscriber(
        "peer.counted", stream=stream, durable="peer", pull_sub=PullSub(batch_size=256)
    )
    async def hear(body: dict) -> None:
        nonlocal left
        rows.execute(
            "update heard set count = count + 1 where account_id = ?", (body["account_id"],)
        )
        left -= 1
        if not left:
            done.set()

    await broker.start()

    async def measure(tasks, events):
        nonlocal left
        left = events // tasks * tasks
        done.clear()
        count = left

        async def give(account_id):
            for _ in range(events // tasks):
                body = {"account_id": account_id, "count": 1}
                await broker.publish(body, "peer.counted", stream="peer")

        started = perf_counter()
        async with asyncio.TaskGroup() as group:
            for task in range(tasks):
                group.create_task(give(task % 64))
        await done.wait()
        return count / (perf_counter() - started)

    await serve(measure)
    await broker.stop()


asyncio.run(main(*sys.argv[1:]))
