"""What outgrow.toml says of calls holds for the calls of a running application."""

from __future__ import annotations

import asyncio

import pytest

from outgrow.errors import InvalidTopology, Overloaded
from outgrow.process import Options, start_application
from outgrow.topology import read_topology

DESK = """
import asyncio
from outgrow import *
class Desk(Contract):
    @query()
    async def hang(self) -> None: ...
    @query()
    async def left(self) -> float: ...
@service
class DeskService(Desk):
    async def hang(self) -> None:
        await asyncio.Event().wait()
    async def left(self) -> float:
        return context().deadline
"""


def said(write, text: str):
    file = write(desk=DESK)
    with file.open("a") as more:
        more.write(text)
    return read_topology(file)


async def test_a_method_has_its_deadline_and_takes_on_what_it_may(write):
    plan = said(write, '[calls.desk]\ndeadline = "3s"\n[calls.desk.hang]\nconcurrency = 2\n')
    async with start_application(plan, Options()) as app:
        from desk import Desk

        client = app.client(Desk)
        began = app.clock.monotonic()
        deadline = await client.left()
        assert began + 3 <= deadline <= app.clock.monotonic() + 3

        async with asyncio.TaskGroup() as tasks:
            hanging = [tasks.create_task(client.hang()) for _ in range(2)]
            await asyncio.sleep(0)  # noqa: TID251 - let both begin
            with pytest.raises(Overloaded, match="2 of its calls are under way"):
                await client.hang()
            assert await client.left() > 0
            for task in hanging:
                task.cancel()

        settings = (await app.statistics())["settings"]["desk.hang"]
        assert (settings["deadline_seconds"], settings["concurrency"]) == (3.0, 2)


async def test_an_unknown_method_is_refused_before_anything_starts(write):
    plan = said(write, "[calls.desk.hung]\nconcurrency = 2\n")

    with pytest.raises(InvalidTopology, match="'desk.hung', which is no method of a contract"):
        async with start_application(plan, Options()):
            pass
