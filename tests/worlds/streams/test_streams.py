"""A stream means the same, wherever its callee is."""

from __future__ import annotations

from feeds.feed.contract import Feed

from outgrow.testing import World


async def test_items_come_in_order_and_then_the_end(world: World) -> None:
    stream = world.client(Feed).count(5)

    assert [n async for n in stream] == [0, 1, 2, 3, 4]
    assert [n async for n in stream] == []
