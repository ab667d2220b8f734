"""The line ends when it is told to, and gets in with the names and passwords that URLs have."""

from __future__ import annotations

import asyncio

import pytest

from outgrow.journal.nats.line import Line
from tests.journal.nats.server import NatsServer


@pytest.mark.parametrize("turns", range(8))
async def test_a_line_that_is_cancelled_while_it_closes_a_connection_ends(
    server: NatsServer, turns: int
):
    # The client swallows a cancellation that meets it while it writes out what is left.
    for _ in range(3):
        line = Line(server.url, "x")
        async with asyncio.TaskGroup() as group:
            task = group.create_task(line.run())
            connection = await line.connected()
            connection.lose()
            for _ in range(turns):
                await line.clock.sleep(0.0)
            task.cancel()
            done, _ = await asyncio.wait({task}, timeout=5)
            task.cancel()
        assert done, "the cancellation was swallowed"
