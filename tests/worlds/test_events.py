"""An event reaches each handler, per key in order, and its effect happens once."""

from __future__ import annotations

import asyncio

import pytest
from parity.desk.contract import Desk
from parity.ledger.contract import AccountClosed, Ledger
from parity.mail.contract import Mail

from outgrow.errors import CallFailed
from outgrow.testing import EventsParked, World

pytestmark = pytest.mark.stores("sqlite", "postgres")


async def test_an_event_has_its_effect_once(world: World) -> None:
    await world.client(Ledger).pay("a", 5)
    await world.settle()

    assert await world.client(Mail).get_heard("a") == [5]
    assert await world.client(Mail).count_letters("a") == 1


async def test_what_a_service_records_while_it_opens_is_heard_from_the_first_start_on(
    world: World,
) -> None:
    """Handlers know where they begin before any service of the start opens, wherever it is."""
    await world.settle()

    assert await world.client(Mail).count_openings() == 1


async def test_an_event_of_a_rolled_back_transaction_is_never_delivered(world: World) -> None:
    ledger = world.client(Ledger)
    with pytest.raises(AccountClosed):
        await ledger.pay_then_refuse("a")
    with pytest.raises(CallFailed):
        await ledger.pay_then_fail("a")
    await world.settle()

    assert await world.client(Mail).get_heard("a") == []


async def test_events_of_one_key_arrive_in_the_order_recorded(world: World) -> None:
    ledger = world.client(Ledger)
    for cents in range(1, 101):
        await ledger.pay("a", cents)
    await world.settle()

    assert await world.client(Mail).get_heard("a") == list(range(1, 101))


async def test_events_of_many_keys_keep_the_order_of_each(world: World) -> None:
    ledger, mail = world.client(Ledger), world.client(Mail)
    accounts = [f"account-{n}" for n in range(40)]

    async def pay_in_order(account: str) -> None:
        for cents in range(1, 6):
            await ledger.pay(account, cents)

    await asyncio.gather(*(pay_in_order(account) for account in accounts))
    await world.settle()

    for account in accounts:
        assert await mail.get_heard(account) == [1, 2, 3, 4, 5]


async def test_nothing_is_lost_or_doubled_by_a_restart(world: World) -> None:
    ledger = world.client(Ledger)
    for cents in range(1, 31):
        await ledger.pay("a", cents)

    await world.restart()
    await world.settle()
    await world.restart()
    await world.settle()

    assert await world.client(Mail).get_heard("a") == list(range(1, 31))


async def test_a_handler_that_fails_twice_works_at_the_third_attempt(world: World) -> None:
    ledger, mail = world.client(Ledger), world.client(Mail)
    await mail.fail_next("a", 2)

    await ledger.pay("a", 5)
    await world.settle()

    assert await mail.get_heard("a") == [5]
    assert await mail.count_attempts("a") == 3


async def test_what_comes_behind_a_failed_event_of_its_key_waits_for_it(world: World) -> None:
    ledger, mail = world.client(Ledger), world.client(Mail)
    await mail.fail_next("a", 3)

    for cents in (1, 2, 3):
        await ledger.pay("a", cents)
    await world.settle()

    assert await mail.get_heard("a") == [1, 2, 3]


async def test_a_key_that_always_fails_is_parked_while_others_flow(world: World) -> None:
    ledger, mail = world.client(Ledger), world.client(Mail)
    await mail.fail_next("bad", 1_000)

    for cents in (1, 2):
        await ledger.pay("bad", cents)
        await ledger.pay("good", cents)
    await world.settle(parked=True)

    assert await mail.get_heard("good") == [1, 2]
    assert await mail.get_heard("bad") == []
    assert await mail.count_attempts("bad") == 8


async def test_settling_fails_if_something_is_parked_and_says_what(world: World) -> None:
    ledger, mail = world.client(Ledger), world.client(Mail)
    await mail.fail_next("bad", 1_000)
    await ledger.pay("bad", 1)

    with pytest.raises(EventsParked) as caught:
        await world.settle()
    await ledger.pay("bad", 2)
    await ledger.pay("good", 1)
    await world.settle()  # What is parked already is not told again.

    (key, *_) = caught.value.keys
    assert (key.key, key.attempts) == ("bad", 8)
    assert f"{key.consumer}, key 'bad', after 8 attempts: " in str(caught.value)
    assert "settle(parked=True)" in str(caught.value)
    assert await mail.get_heard("good") == [1]


async def test_waiting_events_survive_a_restart(world: World) -> None:
    await world.client(Mail).fail_next("a", 1)
    await world.client(Ledger).pay("a", 1)
    await world.client(Ledger).pay("a", 2)

    await world.restart()
    await world.settle()

    assert await world.client(Mail).get_heard("a") == [1, 2]


async def test_a_handler_may_record_events_of_its_own(world: World) -> None:
    await world.client(Ledger).pay("a", 1)
    await world.settle()

    assert await world.client(Mail).count_chained("a") == 1


async def test_a_service_may_listen_to_its_own_events_and_send_a_command(world: World) -> None:
    await world.client(Ledger).close_account("a")
    await world.settle()

    assert await world.client(Mail).count_letters("a") == 1


async def test_a_sent_command_is_repeated_until_it_is_answered(world: World) -> None:
    ledger, mail = world.client(Ledger), world.client(Mail)
    await mail.fail_next("a", 3)

    await ledger.close_account("a")
    await world.settle()

    assert await mail.count_letters("a") == 1
    assert await mail.count_attempts("a") >= 4


async def test_a_problem_is_an_answer_to_a_sent_command(world: World) -> None:
    await world.client(Ledger).close_account("nowhere")
    await world.settle()

    assert await world.client(Mail).count_letters("nowhere") == 0
    assert await world.client(Mail).count_attempts("nowhere") <= 2


async def test_an_event_of_a_plain_command_is_one_event_for_one_key(world: World) -> None:
    await world.client(Desk).pay_twice("a", 5)
    await world.settle()

    assert await world.client(Mail).get_heard("a") == [5, 5]
