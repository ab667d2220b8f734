"""The parts of the split shop are killed in the middle of a replay; no sum may notice."""

import asyncio
import os
import random
import shutil
import signal
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from pathlib import Path

import aiohttp
import pytest
from demo.purchases import deliveries, plan, read_purchases
from demo.replay import Replay

from tests.crash.harness import seed, shared
from tests.crash.shop import Witness, free_port
from tests.crash.split import PARTS, Split
from tests.crash.test_shop import check

PURCHASES = 400
READY_SECONDS_MAX = 30.0
LOOK_SECONDS = 0.05
REPLAY_SECONDS_MAX = 120.0
REQUEST_SECONDS_MAX = 12.0
"""No request hangs: 10 s is the deadline of a call, and some time goes into starting again."""

Disturb = Callable[[Split], Awaitable[None]]


@pytest.fixture
def state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder whose path is short enough for a Unix socket."""
    with tempfile.TemporaryDirectory(prefix="og-") as folder:
        yield Path(folder)


async def replay_with(
    state: Path,
    chance: random.Random,
    disturbances: list[Disturb],
    purchases: int = PURCHASES,
    *,
    is_gateway_frozen: bool = False,
) -> None:
    """
    Replay, disturb the shop while requests are under way, and compare the sums.

    Only a gateway that stands still itself lets its clients wait for as long as they like.
    """
    bought = read_purchases()[:purchases]
    orders = list(plan(bought))
    requests = len(orders) + len({order.customer for order in orders})
    moments = sorted(chance.sample(range(5, requests), len(disturbances)))
    told = f"seed {seed()}, disturbed at requests {moments}"
    timeout = aiohttp.ClientTimeout(total=REQUEST_SECONDS_MAX)
    with Split(state, free_port(chance)) as shop:
        shop.start()
        try:
            async with aiohttp.ClientSession(timeout=timeout) as session:
                client = Witness(session, shop.url)
                await wait_whole(shop)
                replay = Replay(client, orders)
                async with asyncio.timeout(REPLAY_SECONDS_MAX):
                    await replay.fill_shelves(deliveries(bought))
                    async with asyncio.TaskGroup() as group:
                        disturbing = zip(moments, disturbances, strict=True)
                        group.create_task(disturb(shop, client, list(disturbing)))
                        group.create_task(replay.run())
                    totals = await replay.settle()
        except BaseException as error:
            error.add_note(f"{told}\n{shop.last_words()}")
            raise
        assert client.timed_out == 0 or is_gateway_frozen, f"{told}\n{shop.last_words()}"
        check(replay, totals, f"{told}\n{shop.last_words()}", purchases)
        assert shop.stop() == 0, f"{told}\n{shop.last_words()}"


async def disturb(shop: Split, client: Witness, disturbances: list[tuple[int, Disturb]]) -> None:
    for moment, do in disturbances:
        await client.wait_sent(moment)
        await do(shop)
        await wait_whole(shop)


async def wait_whole(shop: Split) -> None:
    """Wait until every part says that it is ready."""
    async with asyncio.timeout(READY_SECONDS_MAX):
        while not await asyncio.to_thread(lambda: shop.is_whole):
            await pass_time(LOOK_SECONDS)


async def pass_time(seconds: float) -> None:
    """Let real time pass: how long a part stands still is what is tried here."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await asyncio.Event().wait()


def killing(*parts: str) -> Disturb:
    async def kill(shop: Split) -> None:
        # Here and not in a thread: what is started dies with the thread that started it.
        shop.kill(*parts)

    return kill


def freezing(part: str, seconds: float) -> Disturb:
    async def freeze(shop: Split) -> None:
        shop.signal(part, signal.SIGSTOP)
        try:
            await pass_time(seconds)
        finally:
            shop.signal(part, signal.SIGCONT)

    return freeze


async def lose_what_nats_holds(shop: Split) -> None:
    """Delete the storage while the server is down: the supervisor must not be quicker."""
    pid = shop.pid("nats")
    shop.signal("supervisor", signal.SIGSTOP)
    try:
        os.kill(pid, signal.SIGKILL)
        while not await asyncio.to_thread(is_dead, pid):
            await pass_time(LOOK_SECONDS)
        shutil.rmtree(shop.state / "nats")
    finally:
        shop.signal("supervisor", signal.SIGCONT)


def is_dead(pid: int) -> bool:
    """Whether the process has ended, be it that nobody has taken note of it."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] == "Z"
    except FileNotFoundError:
        return True  # A thread of the supervisor took note before it stood still.


async def test_a_kill_of_each_part_and_of_two_at_once_is_not_in_the_sums(state: Path) -> None:
    kills = [killing(part) for part in PARTS]
    await replay_with(state, random.Random(seed()), [*kills, killing("front", "back")])


async def test_nothing_is_lost_with_what_nats_held(state: Path) -> None:
    await replay_with(state, random.Random(seed()), [lose_what_nats_holds])


async def test_a_process_that_stood_still_goes_on_without_a_second_effect(state: Path) -> None:
    await replay_with(state, random.Random(seed()), [freezing("back", 3.0)])


@pytest.mark.long
@pytest.mark.timeout(200)
@pytest.mark.parametrize("part", ["front", "back", "nats"])
async def test_a_part_that_stood_still_for_30_seconds_goes_on(part: str, state: Path) -> None:
    freeze = [freezing(part, 30.0)]
    await replay_with(state, random.Random(seed()), freeze, is_gateway_frozen=part == "front")


@pytest.mark.long
@pytest.mark.timeout(200)
@pytest.mark.parametrize("number", shared(range(50)))
async def test_kills_of_any_parts_at_any_moment_are_not_in_the_sums(
    number: int, state: Path
) -> None:
    chance = random.Random(f"{seed()} {number}")
    kills = [killing(*chance.sample(PARTS[:3], chance.choice([1, 1, 2]))) for _ in range(2)]
    if chance.random() < 0.3:
        kills.append(killing("supervisor"))
    await replay_with(state, chance, kills, purchases=150)
