"""The real server is killed in the middle of a replay of real purchases; no sum may notice."""

import asyncio
import random
import signal
from pathlib import Path

import aiohttp
import pytest
from demo.account import Totals, disagreements
from demo.purchases import deliveries, plan, read_purchases
from demo.replay import Replay

from tests.crash.harness import seed
from tests.crash.shop import READY_SECONDS_MAX, Server, Witness, free_port

PURCHASES = 400
REPLAY_SECONDS_MAX = 40.0
LETTERS_AT_LEAST = 2 * PURCHASES


async def replay_with_kills(state: Path, chance: random.Random, kills: int) -> None:
    """Replay, kill the server while requests are under way, start it again, and compare sums."""
    purchases = read_purchases()[:PURCHASES]
    orders = list(plan(purchases))
    requests = len(orders) + len({order.customer for order in orders})
    moments = sorted(chance.sample(range(5, requests), kills))
    told = f"seed {seed()}, killed at requests {moments}"
    with Server(state, free_port(chance)) as server:
        server.start()
        try:
            async with aiohttp.ClientSession() as session, asyncio.timeout(REPLAY_SECONDS_MAX):
                client = Witness(session, server.url)
                await wait_ready(client)
                replay = Replay(client, orders)
                await replay.fill_shelves(deliveries(purchases))
                async with asyncio.TaskGroup() as group:
                    group.create_task(kill_at(server, client, moments))
                    group.create_task(replay.run())
                totals = await replay.settle()
        except Exception as error:
            error.add_note(f"{told}\n{server.log.read_text(errors='replace')[-3_000:]}")
            raise
        assert client.retries > 0, told
        check(replay, totals, told)
        assert server.stop() == 0, told


async def kill_at(server: Server, client: Witness, moments: list[int]) -> None:
    for moment in moments:
        await client.wait_sent(moment)
        assert server.kill() == -signal.SIGKILL
        server.start()
        await wait_ready(client)


async def wait_ready(client: Witness) -> None:
    """The client asks until it is answered."""
    async with asyncio.timeout(READY_SECONDS_MAX):
        assert (await client.ask("GET", "/health/ready")).is_accepted


def check(replay: Replay, totals: Totals, told: str, purchases: int = PURCHASES) -> None:
    assert disagreements(replay.account, totals) == [], told
    assert replay.account.sent >= purchases, told
    assert totals.letters_written >= LETTERS_AT_LEAST * purchases // PURCHASES, told


async def test_a_kill_of_the_server_during_a_replay_is_not_in_its_sums(tmp_path: Path) -> None:
    await replay_with_kills(tmp_path, random.Random(seed()), kills=1)


@pytest.mark.long
@pytest.mark.parametrize("number", range(10))
async def test_kills_of_the_server_at_any_moment_are_not_in_the_sums(
    number: int, tmp_path: Path
) -> None:
    await replay_with_kills(tmp_path, random.Random(f"{seed()} {number}"), kills=1 + number % 3)
