"""What earlier versions of the code recorded is heard by that of today, in order and once."""

from __future__ import annotations

import itertools

from parity.ledger.contract import Ledger
from parity.mail.contract import Mail

from outgrow.testing import World

SCHEMAS = (1, 2, 3)


async def test_events_of_every_year_are_heard_in_the_order_recorded(world: World) -> None:
    ledger = world.client(Ledger)
    for cents, schema in zip(range(1, 31), itertools.cycle(SCHEMAS), strict=False):
        await ledger.pay_as_before("a", cents, schema)
    await world.settle()

    assert await world.client(Mail).get_heard("a") == list(range(1, 31))


async def test_what_was_recorded_before_a_restart_is_heard_after_it(world: World) -> None:
    for cents, schema in enumerate(SCHEMAS * 3):
        await world.client(Ledger).pay_as_before(f"account-{schema}", cents, schema)
        await world.restart()
    await world.settle()
    await world.restart()
    await world.settle()

    for schema in SCHEMAS:
        heard = await world.client(Mail).get_heard(f"account-{schema}")
        assert heard == [schema - 1, schema + 2, schema + 5]


async def test_an_old_event_that_failed_is_tried_again_in_its_own_form(world: World) -> None:
    ledger, mail = world.client(Ledger), world.client(Mail)
    await mail.fail_next("a", 2)

    for cents, schema in enumerate(SCHEMAS):
        await ledger.pay_as_before("a", cents, schema)
    await world.settle()
    await world.restart()

    assert await world.client(Mail).get_heard("a") == [0, 1, 2]


async def test_a_parked_event_of_before_survives_a_restart(world: World) -> None:
    await world.client(Mail).fail_next("a", 1_000)
    for cents, schema in enumerate(SCHEMAS):
        await world.client(Ledger).pay_as_before("a", cents, schema)
        await world.client(Ledger).pay_as_before("b", cents, schema)
    await world.settle(parked=True)
    await world.restart()
    await world.settle(parked=True)

    assert await world.client(Mail).get_heard("a") == []
    assert await world.client(Mail).get_heard("b") == [0, 1, 2]
