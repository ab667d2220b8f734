"""Lanes: what has one partition goes one after the other, and partitions beside each other."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import Final

from outgrow.journal.messages import Message

LANES_MAX: Final = 4
"""How many partitions one handler takes from at once, where units of work run at once."""

Take = Callable[[Message], Awaitable[None]]


async def in_lanes(messages: Iterable[Message], take: Take, lanes_max: int = LANES_MAX) -> None:
    """
    Take all *messages*: those of one partition in their order, those of others meanwhile.

    If one cannot be taken, nothing behind it in its partition is. The others are, and then the
    first such failure is raised.
    """
    by_partition: dict[int, list[Message]] = {}
    for message in messages:
        by_partition.setdefault(message.partition, []).append(message)
    lanes = iter(by_partition.values())
    failures: list[Exception] = []
    async with asyncio.TaskGroup() as group:
        for _ in range(min(lanes_max, len(by_partition))):
            group.create_task(_work_off(lanes, take, failures))
    if failures:
        raise failures[0]


async def _work_off(lanes: Iterator[list[Message]], take: Take, failures: list[Exception]) -> None:
    for lane in lanes:
        try:
            for message in lane:
                await take(message)
        except Exception as error:  # noqa: BLE001 - raised by whoever asked, once all are done
            failures.append(error)
