"""The shop is killed in the middle of everything; no sum may notice."""

import asyncio
import socket
from pathlib import Path

import aiohttp
import pytest
from demo.account import disagreements
from demo.client import Client
from demo.purchases import deliveries, plan, read_purchases
from demo.replay import Replay
from demo.server import Server, running

PURCHASES = 300


def free_address() -> str:
    """A loopback address that nobody listens on; the restarted shop needs the same again."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"


async def kill_thrice(server: Server, replay: Replay) -> None:
    """Kill the shop after each quarter of the orders, and start it again."""
    for quarter in (1, 2, 3):
        while replay.account.sent < quarter * PURCHASES // 4:
            await replay.client.wait(0.01)
        await server.kill()
        await server.start()


@pytest.mark.timeout(120)
async def test_no_order_no_cent_and_no_letter_is_lost_or_doubled_by_a_kill(
    tmp_path: Path,
) -> None:
    purchases = read_purchases()[:PURCHASES]
    async with aiohttp.ClientSession() as session:
        client = Client(session, free_address())
        replay = Replay(client, plan(purchases))
        async with running(client, tmp_path) as server:
            await replay.fill_shelves(deliveries(purchases))
            async with asyncio.TaskGroup() as group:
                group.create_task(kill_thrice(server, replay))
                group.create_task(replay.run())
            totals = await replay.settle()

    assert disagreements(replay.account, totals) == []
    assert client.retries > 0
