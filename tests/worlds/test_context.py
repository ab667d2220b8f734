"""Who asks, under which correlation and trace, is known everywhere."""

from __future__ import annotations

import pytest
from parity.desk.contract import Desk
from parity.ledger.contract import Ledger
from parity.mail.contract import Mail

from outgrow import context
from outgrow.errors import CallerNotAllowed
from outgrow.testing import World


async def test_the_original_caller_is_known_to_every_service(world: World) -> None:
    ada = world.as_user("ada", allow=["x"], tenant="acme")

    for seen in await ada.client(Desk).see_chain():
        assert (seen.kind, seen.subject, seen.tenant) == ("user", "ada", "acme")


async def test_one_correlation_and_one_trace_run_through_all_calls(world: World) -> None:
    outer, inner = await world.client(Desk).see_chain()

    assert outer.correlation_id == inner.correlation_id
    assert outer.trace == inner.trace
    assert outer.span != inner.span


async def test_two_requests_are_told_apart(world: World) -> None:
    ledger = world.client(Ledger)

    first, second = await ledger.see(), await ledger.see()

    assert first.correlation_id != second.correlation_id
    assert first.trace != second.trace


async def test_a_service_knows_which_service_called_it(world: World) -> None:
    outer, inner = await world.client(Desk).see_chain()

    assert (outer.via, inner.via) == ("", "desk")


async def test_a_caller_without_the_permission_is_refused(world: World) -> None:
    with pytest.raises(CallerNotAllowed, match=r"user 'eve' lacks the permission 'ledger:pay'"):
        await world.as_user("eve", allow=["other"]).client(Ledger).pay("a", 1)

    assert await world.client(Ledger).count_payments("a") == 0


async def test_a_caller_with_the_permission_is_let_in(world: World) -> None:
    assert await world.as_user("ada", allow=["ledger:pay"]).client(Ledger).pay("a", 1) == 1


async def test_a_service_needs_no_permission_of_its_caller_to_call_another(world: World) -> None:
    ada = world.as_user("ada", allow=["desk:pay"])

    assert await ada.client(Desk).pay_twice("a", 1) == [1, 2]


async def test_a_query_has_no_key_and_a_command_has_one(world: World) -> None:
    assert (await world.client(Ledger).see()).key is None


async def test_events_carry_caller_correlation_and_trace(world: World) -> None:
    ada = world.as_user("ada", allow=["desk:pay"], tenant="acme")
    await ada.client(Desk).pay_twice("a", 1)
    await world.settle()

    first, second = await world.client(Mail).list_letters("a")

    assert (first.seen.subject, first.seen.tenant) == ("ada", "acme")
    assert first.seen.correlation_id == second.seen.correlation_id
    assert first.seen.trace == second.seen.trace
    assert first.seen.span != second.seen.span


async def test_sent_commands_carry_caller_and_correlation(world: World) -> None:
    await world.as_user("ada").client(Ledger).close_account("a")
    await world.settle()

    (letter,) = await world.client(Mail).list_letters("a")

    assert letter.text == "closed"
    assert letter.seen.subject == "ada"
    assert letter.seen.via == "ledger"
    assert letter.seen.key is not None


async def test_outside_of_any_execution_there_is_no_context(world: World) -> None:
    with pytest.raises(LookupError):
        context()

    assert await world.client(Ledger).see()


async def test_settings_are_filled_from_the_topology_file(world: World) -> None:
    assert await world.client(Mail).get_sender() == "parity@example.org"
