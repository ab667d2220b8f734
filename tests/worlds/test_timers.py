"""What is said at a later moment happens once, whatever happens until then."""

from __future__ import annotations

import pytest
from parity.desk.contract import Desk
from parity.ledger.contract import Ledger

from outgrow import using
from outgrow.errors import CallFailed
from outgrow.testing import World

pytestmark = pytest.mark.stores("sqlite", "postgres")


async def test_a_timer_fires_when_it_is_due_and_not_before(world: World) -> None:
    desk, ledger = world.client(Desk), world.client(Ledger)
    await desk.set_bells("a", [60.0])
    await world.settle()
    world.clock.advance(59)
    await world.settle()
    early = await desk.get_rung("a"), await ledger.count_rings("a")
    world.clock.advance(1)
    await world.settle()

    assert early == ([], 0)
    assert await desk.get_rung("a") == [60.0]
    assert await ledger.count_rings("a") == 1


async def test_timers_fire_in_the_order_in_which_they_are_due(world: World) -> None:
    desk = world.client(Desk)
    await desk.set_bells("a", [30.0, 10.0, 20.0, 10.5])
    world.clock.advance(60)
    await world.settle()

    assert await desk.get_rung("a") == [10.0, 10.5, 20.0, 30.0]


async def test_timers_outlive_a_restart(world: World) -> None:
    await world.client(Desk).set_bells("a", [10.0, 100.0])
    await world.restart()
    world.clock.advance(50)
    await world.settle()
    await world.restart()
    await world.settle()
    assert await world.client(Desk).get_rung("a") == [10.0]
    world.clock.advance(50)
    await world.settle()

    assert await world.client(Desk).get_rung("a") == [10.0, 100.0]
    assert await world.client(Ledger).count_rings("a") == 1


async def test_a_repeated_command_sets_its_timer_once(world: World) -> None:
    desk = using(world.client(Desk), key="k")
    for _ in range(3):
        await desk.set_bells("a", [1.0])
    world.clock.advance(5)
    await world.settle()

    assert await desk.get_rung("a") == [1.0]


async def test_a_timer_of_a_command_that_failed_never_was(world: World) -> None:
    desk = world.client(Desk)
    with pytest.raises(CallFailed):
        await desk.set_bells_and_fail("a")
    world.clock.advance(5)
    await world.settle()

    assert await desk.get_rung("a") == []
    assert await world.client(Ledger).count_rings("a") == 0


async def test_a_timer_is_moved_and_taken_back_by_its_name(world: World) -> None:
    desk = world.client(Desk)
    await desk.set_bells("a", [10.0], "first")
    await desk.set_bells("a", [20.0], "second")

    assert await desk.move_bell("first", 30.0)
    assert await desk.take_bell("second")
    assert not await desk.take_bell("third")
    world.clock.advance(25)
    await world.settle()
    assert await desk.get_rung("a") == []
    world.clock.advance(5)
    await world.settle()
    assert await desk.get_rung("a") == [10.0]
    assert not await desk.move_bell("first", 30.0)


async def test_a_name_that_is_taken_refuses_the_whole_command(world: World) -> None:
    desk = world.client(Desk)
    await desk.set_bells("a", [10.0], "bell")
    with pytest.raises(CallFailed, match="TimerExists"):
        await desk.set_bells("b", [10.0], "bell")
    world.clock.advance(10)
    await world.settle()

    assert await desk.get_rung("b") == []
    await desk.set_bells("b", [10.0], "bell")
    world.clock.advance(10)
    await world.settle()
    assert await desk.get_rung("b") == [10.0]
