"""Problems are replies, and failures are failures, in every world."""

from __future__ import annotations

import pytest
from parity.desk.contract import Desk
from parity.ledger.contract import AccountClosed, Ledger

from outgrow import using
from outgrow.errors import CallFailed
from outgrow.testing import World

pytestmark = pytest.mark.stores("sqlite", "postgres")


async def test_a_declared_problem_arrives_as_the_same_type_with_its_fields(world: World) -> None:
    ledger = world.client(Ledger)
    await ledger.close_account("a")

    with pytest.raises(AccountClosed) as raised:
        await ledger.pay("a", 7)

    assert (raised.value.account, raised.value.cents) == ("a", 7)
    assert str(raised.value) == "Account 'a' is closed since 7 cents."
    assert raised.value.status == "failed_precondition"


async def test_a_problem_of_another_service_can_be_caught_by_its_type(world: World) -> None:
    await world.client(Ledger).close_account("a")

    assert await world.client(Desk).catch_refused("a") == (
        "a 1 Account 'a' is closed since 1 cents."
    )


async def test_a_problem_that_is_not_declared_is_a_failure(world: World) -> None:
    with pytest.raises(CallFailed) as raised:
        await world.client(Ledger).refuse_undeclared()

    assert raised.value.error_type == "parity.ledger.contract.Undeclared"
    assert raised.value.may_have_run


async def test_an_unexpected_error_arrives_with_its_type_and_text(world: World) -> None:
    with pytest.raises(CallFailed) as raised:
        await world.client(Ledger).fail("by nothing")

    assert raised.value.method == "ledger.fail"
    assert raised.value.error_type == "builtins.ZeroDivisionError"
    assert raised.value.error_text == "by nothing"
    assert raised.value.may_have_run


async def test_a_method_that_cancels_itself_has_failed(world: World) -> None:
    with pytest.raises(CallFailed) as raised:
        await world.client(Ledger).cancel_itself()

    assert raised.value.error_type == "asyncio.exceptions.CancelledError"


async def test_a_service_sees_the_failure_of_another_as_a_failed_call(world: World) -> None:
    told = await world.client(Desk).fail_below("deep")

    assert told == "ledger.fail builtins.ZeroDivisionError deep True"


async def test_a_failure_that_a_service_lets_through_is_its_own(world: World) -> None:
    with pytest.raises(CallFailed) as raised:
        await world.client(Desk).wait_and_let_it_fail("deep")

    assert raised.value.method == "desk.wait_and_let_it_fail"
    assert raised.value.error_type == "outgrow.errors.CallFailed"


async def test_a_problem_takes_back_what_was_done_and_recorded(world: World) -> None:
    ledger = world.client(Ledger)

    with pytest.raises(AccountClosed):
        await ledger.pay_then_refuse("a")
    await world.settle()

    assert await ledger.count_payments("a") == 0


async def test_a_failure_takes_back_what_was_done_and_recorded(world: World) -> None:
    ledger = world.client(Ledger)

    with pytest.raises(CallFailed, match="after the payment"):
        await ledger.pay_then_fail("a")

    assert await ledger.count_payments("a") == 0


async def test_a_reply_of_another_type_is_a_failure_that_takes_back_what_was_done(
    world: World,
) -> None:
    with pytest.raises(CallFailed, match="ledger.reply_wrongly: its reply is no"):
        await world.client(Ledger).reply_wrongly("a")

    assert await world.client(Ledger).count_payments("a") == 0


async def test_an_event_that_nobody_could_read_is_not_recorded(world: World) -> None:
    with pytest.raises(CallFailed, match="its handlers could not read it"):
        await world.client(Ledger).record_wrongly("a")

    assert await world.client(Ledger).count_payments("a") == 0


async def test_a_problem_is_remembered_under_its_key_like_any_reply(world: World) -> None:
    ledger = using(world.client(Ledger), key="once")
    await world.client(Ledger).close_account("a")
    with pytest.raises(AccountClosed):
        await ledger.pay("a", 7)
    await world.client(Ledger).reopen_account("a")

    with pytest.raises(AccountClosed):
        await ledger.pay("a", 7)

    assert await ledger.count_payments("a") == 0


async def test_a_failure_is_not_remembered(world: World) -> None:
    ledger = using(world.client(Ledger), key="again")

    for _ in range(2):
        with pytest.raises(CallFailed, match="after the payment"):
            await ledger.pay_then_fail("a")
