"""The line ends when it is told to, and gets in with the names and passwords that URLs have."""

from __future__ import annotations

import asyncio

import pytest

from outgrow.journal.nats.broker import EVENTS
from outgrow.nats import Line
from tests.journal.nats.server import NatsServer


@pytest.mark.parametrize("turns", range(8))
async def test_a_line_that_is_cancelled_while_it_closes_a_connection_ends(
    server: NatsServer, turns: int
):
    # The client swallows a cancellation that meets it while it writes out what is left.
    for _ in range(3):
        line = Line(server.url, "x", EVENTS)
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


@pytest.mark.parametrize(
    ("authorization", "secrets"),
    [
        ('user: "u@x", password: "p:/@ %w"', "u%40x:p%3A%2F%40%20%25w"),
        ('user: "plain", password: "p%w"', "plain:p%w"),
        ('token: "t@:k"', "t%40%3Ak"),
    ],
)
async def test_name_password_and_token_of_the_url_are_decoded(
    stopped: NatsServer, authorization: str, secrets: str
):
    stopped._options = f"authorization {{ {authorization} }}"
    await stopped.start()
    line = Line(stopped.url.replace("nats://", f"nats://{secrets}@"), "x", EVENTS)
    assert line.place == stopped.url
    async with asyncio.TaskGroup() as group, asyncio.timeout(5):
        task = group.create_task(line.run())
        await line.connected()
        task.cancel()
