"""16. The broker loses the end of what it held, or everything: nothing is missing or doubled."""

from __future__ import annotations

from pathlib import Path

from tests.faults.brokers import NatsServer, Open, arrived, place


async def test_a_stream_that_lost_its_end_is_given_it_again(
    server: NatsServer, writing: Open, listening: Open, tmp_path: Path
) -> None:
    """It forgets what nobody but it and the journal know, and then nothing happens."""
    async with writing() as shop:
        async with listening() as post:
            await place(shop, [0])
            await arrived(post, 1)
        await shop.wait_published()
        server.end()
        server.copy_storage(tmp_path / "copy")
        await server.start()
        await place(shop, range(1, 50))
        await shop.wait_published()
        server.kill()
        server.replace_storage(tmp_path / "copy")
        await server.start()
        async with listening() as post:
            await arrived(post, 50)


async def test_a_broker_without_its_storage_has_lost_nothing(
    server: NatsServer, writing: Open, listening: Open
) -> None:
    async with writing() as shop:
        async with listening() as post:
            await place(shop, range(100))
            await arrived(post, 100)
        await place(shop, range(100, 200))
        await shop.wait_published()
        server.kill()
        server.delete_storage()
        await place(shop, range(200, 250))
        await server.start()
        async with listening() as post:
            await arrived(post, 250)


async def test_both_sides_are_there_when_the_broker_loses_everything(
    server: NatsServer, writing: Open, listening: Open
) -> None:
    async with writing() as shop, listening() as post:
        await place(shop, range(100))
        await arrived(post, 100)
        server.kill()
        server.delete_storage()
        await place(shop, range(100, 200))
        await server.start()
        await arrived(post, 200)
