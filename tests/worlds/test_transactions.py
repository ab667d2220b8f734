"""A transaction waits for nothing but itself."""

from __future__ import annotations

import pytest
from parity.ledger.contract import AccountClosed, Ledger

from outgrow.errors import CallFailed
from outgrow.testing import World

pytestmark = pytest.mark.stores("sqlite", "postgres")


async def test_another_service_cannot_be_called_inside_a_transaction(world: World) -> None:
    ledger = world.client(Ledger)

    with pytest.raises(CallFailed, match="a transaction is open") as raised:
        await ledger.call_inside("a")

    assert raised.value.error_type == "outgrow.errors.CallInTransaction"
    assert await ledger.count_payments("a") == 0


async def test_nothing_else_can_be_awaited_inside_a_transaction(world: World) -> None:
    ledger = world.client(Ledger)

    with pytest.raises(CallFailed, match=r"ledger/service\.py:\d+: waited for something") as raised:
        await ledger.wait_inside("a")

    assert raised.value.error_type == "outgrow.errors.WaitedInTransaction"
    assert await ledger.count_payments("a") == 0


async def test_a_transactional_method_joins_the_transaction_it_is_called_in(world: World) -> None:
    ledger = world.client(Ledger)
    await ledger.close_account("b")

    with pytest.raises(AccountClosed):
        await ledger.pay_all(["a", "b"], 5)
    assert await ledger.get_balance("a") == 0

    assert await ledger.pay_all(["a", "a", "c"], 5) == 15


async def test_what_was_written_is_seen_by_the_next_read(world: World) -> None:
    ledger = world.client(Ledger)

    for paid in range(1, 20):
        await ledger.pay("a", 1)
        assert await ledger.get_balance("a") == paid
