# Its library is not in the environment of our tools.
# mypy: ignore-errors
# ruff: noqa: ANN001, ANN201, ANN202
"""
The rows of a transactional command by SQLAlchemy's asyncio layer: ``with_sqlalchemy.py URL DDL``.

Each command updates an account, and adds an event, its key and its reply, in a transaction of its
own. SQLite has one connection, since it has one writer and more of them only wait in vain;
PostgreSQL has a pool of 16, as a store of ours.
"""

import asyncio
import itertools
import sys
from pathlib import Path
from time import perf_counter

from serving import serve
from sqlalchemy import Column, Integer, MetaData, Table, Text, event, insert, update
from sqlalchemy.ext.asyncio import create_async_engine

known = MetaData()
accounts = Table("accounts", known, Column("account_id", Integer), Column("count", Integer))
TEXTS = ("id", "kind", "type", "key", "cause", "correlation_id", "trace", "caller")
journal = Table(
    "outgrow_journal",
    known,
    *(Column(name, Text) for name in (*TEXTS, "recorded_at", "body")),
    Column("schema", Integer),
    Column("partition", Integer),
)
INBOX = ("method", "caller", "key", "arguments_hash", "state", "reply", "expires_at")
inbox = Table("outgrow_inbox", known, *(Column(name, Text) for name in INBOX))
serials = itertools.count(1)

TRACE = "00-6d854bf9a3c569dca25ba373d6673b7b-345bf7a20d3ed1cb-01"
CALLER = '{"kind":"system","subject":"outgrow","permissions":["*"],"tenant":null}'
TIME = "2026-11-23T04:19:42.507640+00:00"


async def command(engine, account_id):
    serial = next(serials)
    async with engine.begin() as connection:
        await connection.execute(
            update(accounts)
            .where(accounts.c.account_id == account_id)
            .values(count=accounts.c.count + 1)
        )
        await connection.execute(
            insert(journal),
            {
                "id": f"01a206a1-9529-7cfd-a801-{serial:012x}",
                "kind": "event",
                "type": "counting.Counted",
                "schema": 1,
                "key": "7",
                "partition": 7,
                "cause": f"{serial:064x}",
                "correlation_id": "01a206a1-9529-7cfd-a801-",
                "trace": TRACE,
                "caller": CALLER,
                "recorded_at": TIME,
                "body": '{"account_id":7,"count":1}',
            },
        )
        await connection.execute(
            insert(inbox),
            {
                "method": "counting.count",
                "caller": "system:outgrow",
                "key": f"{serial:064x}",
                "arguments_hash": f"{serial:064x}",
                "state": "reply",
                "reply": "1",
                "expires_at": TIME,
            },
        )


async def main(url, ddl):
    is_sqlite = url.startswith("sqlite")
    pool = {"pool_size": 1 if is_sqlite else 16, "max_overflow": 0, "pool_timeout": 60}
    engine = create_async_engine(url, **pool)
    if is_sqlite:

        @event.listens_for(engine.sync_engine, "connect")
        def prepare(raw, _):
            cursor = raw.cursor()
            cursor.execute("pragma journal_mode = wal")
            cursor.execute("pragma synchronous = full")
            cursor.close()

        import sqlite3  # noqa: PLC0415

        raw = sqlite3.connect(url.partition(":///")[2])
        raw.executescript(Path(ddl).read_text())  # noqa: ASYNC240 - nothing else runs
        raw.close()

    async def measure(tasks, commands):
        async def give(account_id):
            for _ in range(commands // tasks):
                await command(engine, account_id)

        started = perf_counter()
        async with asyncio.TaskGroup() as group:
            for task in range(tasks):
                group.create_task(give(task % 64))
        return commands / (perf_counter() - started)

    await serve(measure)
    await engine.dispose()


asyncio.run(main(*sys.argv[1:]))
