"""Nobody waits for ever, and what has begun may have happened."""

from __future__ import annotations

import asyncio

import pytest
from parity.asking import until
from parity.desk.contract import Desk
from parity.ledger.contract import Ledger

from outgrow import using
from outgrow.errors import CallTimedOut
from outgrow.testing import World


async def test_a_call_ends_when_its_deadline_passes(world: World) -> None:
    ledger = world.client(Ledger)

    async with asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(_timed_out(using(ledger, deadline=3.0).wait("x")))
        await until(lambda: ledger.has_begun("x"))
        world.clock.advance(3.01)

    assert waiting.result().method == "ledger.wait"
    assert waiting.result().may_have_run


async def test_the_execution_is_cancelled_at_the_deadline(world: World) -> None:
    ledger = world.client(Ledger)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(_timed_out(using(ledger, deadline=3.0).wait("x")))
        await until(lambda: ledger.has_begun("x"))
        world.clock.advance(3.01)

    await until(lambda: ledger.was_cancelled("x"))


async def test_a_method_has_its_own_deadline(world: World) -> None:
    ledger = world.client(Ledger)

    async with asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(_timed_out(ledger.wait_two_seconds("x")))
        await until(lambda: ledger.has_begun("x"))
        world.clock.advance(2.01)

    assert waiting.result().method == "ledger.wait_two_seconds"


async def test_a_call_without_a_deadline_has_one_of_ten_seconds(world: World) -> None:
    ledger = world.client(Ledger)

    async with asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(_timed_out(ledger.wait("x")))
        await until(lambda: ledger.has_begun("x"))
        world.clock.advance(9.9)
        assert not waiting.done()
        world.clock.advance(0.2)

    assert waiting.result()


async def test_a_call_inside_a_call_has_no_more_time_than_its_caller(world: World) -> None:
    desk, ledger = world.client(Desk), world.client(Ledger)

    async with asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(_outcome(using(desk, deadline=1.0).wait_below("x")))
        await until(lambda: ledger.has_begun("x"))
        world.clock.advance(1.01)

    assert isinstance(waiting.result(), CallTimedOut | str)
    await until(lambda: ledger.was_cancelled("x"))


async def test_a_deadline_that_passes_below_is_the_callers_own(world: World) -> None:
    desk, ledger = world.client(Desk), world.client(Ledger)

    async with asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(_timed_out(using(desk, deadline=1.0).wait_below_and_fail("x")))
        await until(lambda: ledger.has_begun("x"))
        world.clock.advance(1.01)

    assert waiting.result().method == "desk.wait_below_and_fail"
    assert waiting.result().may_have_run


async def test_a_deadline_that_has_passed_lets_nothing_begin(world: World) -> None:
    ledger = world.client(Ledger)

    with pytest.raises(CallTimedOut) as raised:
        await using(ledger, deadline=-1.0).wait("x")

    assert not raised.value.may_have_run
    assert not await ledger.has_begun("x")


async def test_cancelling_the_caller_cancels_the_callee(world: World) -> None:
    ledger = world.client(Ledger)

    async with asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(ledger.wait("x"))
        await until(lambda: ledger.has_begun("x"))
        waiting.cancel()

    assert waiting.cancelled()
    await until(lambda: ledger.was_cancelled("x"))


async def test_cancelling_reaches_through_a_service_in_between(world: World) -> None:
    desk, ledger = world.client(Desk), world.client(Ledger)

    async with asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(desk.wait_below("x"))
        await until(lambda: ledger.has_begun("x"))
        waiting.cancel()

    await until(lambda: ledger.was_cancelled("x"))


async def test_a_unit_that_has_begun_commits_though_its_caller_gave_up(world: World) -> None:
    ledger = world.client(Ledger)

    async with asyncio.TaskGroup() as tasks:
        paying = tasks.create_task(ledger.pay_slowly("a"))
        await until(lambda: ledger.has_begun("a"))
        paying.cancel()

    await until(lambda: ledger.count_payments("a"))
    assert await ledger.get_balance("a") == 100


async def _timed_out(call: object) -> CallTimedOut:
    with pytest.raises(CallTimedOut) as raised:
        await call  # type: ignore[misc]
    return raised.value


async def _outcome(call: object) -> object:
    try:
        return await call  # type: ignore[misc]
    except CallTimedOut as error:
        return error
