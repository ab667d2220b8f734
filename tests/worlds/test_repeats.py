"""A command with the same key has one effect, and every repeat gets the first reply."""

from __future__ import annotations

import asyncio

import pytest
from parity.asking import until
from parity.desk.contract import Desk
from parity.ledger.contract import Ledger

from outgrow import using
from outgrow.errors import CallTimedOut, KeyReused
from outgrow.testing import World

pytestmark = pytest.mark.stores("sqlite", "postgres")


async def test_a_repeat_has_no_second_effect_and_gets_the_first_reply(world: World) -> None:
    ledger = world.client(Ledger)

    first = await using(ledger, key="k").pay("a", 5)
    await ledger.pay("a", 1)
    second = await using(ledger, key="k").pay("a", 5)

    assert (first, second) == (5, 5)
    assert await ledger.get_balance("a") == 6


async def test_repeats_at_once_have_one_effect(world: World) -> None:
    ledger = world.client(Ledger)

    replies = await asyncio.gather(*(using(ledger, key="k").pay("a", 5) for _ in range(20)))

    assert set(replies) == {5}
    assert await ledger.count_payments("a") == 1


async def test_calls_without_a_key_are_new_commands(world: World) -> None:
    ledger = world.client(Ledger)

    assert [await ledger.pay("a", 5), await ledger.pay("a", 5)] == [5, 10]


async def test_a_key_with_other_arguments_is_refused(world: World) -> None:
    ledger = using(world.client(Ledger), key="k")
    await ledger.pay("a", 5)

    with pytest.raises(KeyReused, match="'k' was used before with other arguments") as raised:
        await ledger.pay("a", 6)

    assert not raised.value.may_have_run
    assert await ledger.get_balance("a") == 5


async def test_the_same_key_of_another_caller_is_another_command(world: World) -> None:
    for subject in ("ada", "eve"):
        ledger = world.as_user(subject, allow=["ledger:pay"]).client(Ledger)
        await using(ledger, key="k").pay("a", 5)

    assert await world.client(Ledger).get_balance("a") == 10


async def test_the_same_key_for_another_method_is_another_command(world: World) -> None:
    ledger = using(world.client(Ledger), key="k")

    await ledger.pay("a", 5)
    await ledger.close_account("a")

    assert await ledger.get_balance("a") == 5


async def test_a_repeat_of_a_plain_command_repeats_what_it_calls_under_the_same_keys(
    world: World,
) -> None:
    desk, ledger = world.client(Desk), world.client(Ledger)

    first = await using(desk, key="k").pay_twice("a", 5)
    second = await using(desk, key="k").pay_twice("a", 5)

    assert first == second == [5, 10]
    assert await ledger.count_payments("a") == 2


async def test_equal_calls_in_one_execution_are_two_commands(world: World) -> None:
    assert await world.client(Desk).pay_twice("a", 5) == [5, 10]


async def test_a_plain_command_is_executed_once_for_repeats_at_once(world: World) -> None:
    desk = using(world.client(Desk), key="k")

    replies = await asyncio.gather(*(desk.pay_and_return_calls("a") for _ in range(10)))

    assert set(replies) == {1}


async def test_a_repeat_at_once_does_not_share_the_deadline_of_the_first(world: World) -> None:
    desk, ledger = world.client(Desk), world.client(Ledger)

    async with asyncio.TaskGroup() as tasks:
        first = tasks.create_task(_timed_out(using(desk, key="k", deadline=1.0).wait_once("x")))
        await until(lambda: ledger.has_begun("x"))
        second = tasks.create_task(using(desk, key="k").wait_once("x"))
        await asyncio.sleep(0)  # noqa: TID251 - let the second one join the first
        world.clock.advance(1.01)

    assert first.result()
    assert second.result() == "waited"


async def test_a_call_without_an_answer_that_is_made_again_is_the_same_call(world: World) -> None:
    desk, ledger = world.client(Desk), world.client(Ledger)

    assert await using(desk, key="k").pay_until_answered("a") == 1

    assert len(set(await ledger.get_keys("a"))) == 1


async def test_a_later_repeat_of_a_plain_command_gets_its_first_reply(world: World) -> None:
    desk = using(world.client(Desk), key="k")

    assert [await desk.pay_and_return_calls("a") for _ in range(3)] == [1, 1, 1]


async def test_a_plain_command_refuses_a_key_with_other_arguments(world: World) -> None:
    desk = using(world.client(Desk), key="k")
    await desk.pay_and_return_calls("a")

    with pytest.raises(KeyReused):
        await desk.pay_and_return_calls("b")


async def test_a_method_called_on_oneself_has_one_effect_for_one_key(world: World) -> None:
    desk = world.client(Desk)

    first = await using(desk, key="k").remember("a")
    again = await using(desk, key="k").remember("a")
    other = await using(desk, key="l").remember("a")

    assert first == again
    assert other != first


async def test_repeats_are_known_after_a_restart(world: World) -> None:
    await using(world.client(Ledger), key="k").pay("a", 5)
    await using(world.client(Desk), key="k").pay_and_return_calls("a")

    await world.restart()

    assert await using(world.client(Ledger), key="k").pay("a", 5) == 5
    assert await using(world.client(Desk), key="k").pay_and_return_calls("a") == 1
    assert await world.client(Ledger).count_payments("a") == 2


async def test_a_method_that_promises_nothing_is_never_repeated(world: World) -> None:
    ledger = world.client(Ledger)

    assert [await ledger.count_up() for _ in range(3)] == [1, 2, 3]


async def _timed_out(call: object) -> CallTimedOut:
    with pytest.raises(CallTimedOut) as raised:
        await call  # type: ignore[misc]
    return raised.value
