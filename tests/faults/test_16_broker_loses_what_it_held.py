"""16. The broker loses the end of what it held, or everything: nothing is missing or doubled."""

from __future__ import annotations

from pathlib import Path

from tests.faults.brokers import NatsServer, Open, placed
from tests.journal.nats.test_faults import lose_the_tail


async def test_a_stream_that_lost_its_end_is_given_it_again(
    server: NatsServer, writing: Open, listening: Open, tmp_path: Path
) -> None:
    async for post in lose_the_tail(server, writing, listening, tmp_path / "copy"):
        await post.wait_texts(placed(range(50)))


async def test_a_broker_without_its_storage_has_lost_nothing(
    server: NatsServer, writing: Open, listening: Open
) -> None:
    async with writing() as shop:
        async with listening() as post:
            await shop.place(map(str, range(100)))
            await post.wait_texts(placed(range(100)))
        await shop.place(map(str, range(100, 200)))
        await shop.wait_published()
        server.kill()
        server.delete_storage()
        await shop.place(map(str, range(200, 250)))
        await server.start()
        async with listening() as post:
            await post.wait_texts(placed(range(250)))


async def test_both_sides_are_there_when_the_broker_loses_everything(
    server: NatsServer, writing: Open, listening: Open
) -> None:
    async with writing() as shop, listening() as post:
        await shop.place(map(str, range(100)))
        await post.wait_texts(placed(range(100)))
        server.kill()
        server.delete_storage()
        await shop.place(map(str, range(100, 200)))
        await server.start()
        await post.wait_texts(placed(range(200)))
