# Its library is not in the environment of our tools.
# mypy: ignore-errors
# ruff: noqa: ANN001, ANN201, ANN204
"""
Saving events, one at a time, with eventsourcing: ``with_eventsourcing.py NAME=VALUE ...``.

The values are its settings. It is synchronous, so it is given threads; each has an aggregate of its
own, in memory, and saves one event of it after the other.
"""

import asyncio
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter

os.environ.update(word.partition("=")[::2] for word in sys.argv[1:])

from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, event
from serving import serve


class Account(Aggregate):
    """Counts."""

    def __init__(self):
        self.total = 0

    @event("Counted")
    def count(self, count):
        self.total += count


application = Application()
accounts = [Account() for _ in range(64)]
application.save(*accounts)


def give(account, events):
    for _ in range(events):
        account.count(1)
        application.save(account)


async def measure(tasks, events):
    threads = min(tasks, 16)
    started = perf_counter()
    with ThreadPoolExecutor(threads) as pool:
        each = [pool.submit(give, accounts[n], events // threads) for n in range(threads)]
        await asyncio.gather(*map(asyncio.wrap_future, each))
    return events / (perf_counter() - started)


asyncio.run(serve(measure))
