"""A process dies at any named point, and is started again: nothing is lost, nothing is doubled."""

from __future__ import annotations

import asyncio
import random

import pytest
from parity.desk.contract import Desk
from parity.ledger.contract import Ledger
from parity.mail.contract import Mail

from outgrow import using
from outgrow.errors import ControlError
from outgrow.testing import ApartWorld
from tests.crash.harness import seed, shared
from tests.crash.points import points

ACCOUNTS = ["a", "b", "stumbling"]
PAYMENTS = 4
BELLS = [0.6, 0.3]
SAMPLE = 5
SAVE_SECONDS = 1.1
"""After so long a consumer saves how far it has come."""

NEVER_PASSED = {
    "desk": (
        "journal.after_set_aside",
        "journal.before_failure_noted",
        "journal.after_resend",
        "nats.after_receive",
        "nats.before_answer",
        "store.before_checkpoint",
        "store.after_checkpoint",
    ),
    "ledger": (
        "inbox.before_remember",
        "inbox.after_remember",
        "journal.after_set_aside",
        "journal.before_failure_noted",
        "nats.after_receive",
        "store.before_checkpoint",
        "store.after_checkpoint",
        "timers.",
    ),
    "mail": (
        "journal.before_send",
        "journal.after_send",
        "journal.after_resend",
        "nats.before_answer",
        "timers.",
    ),
}
"""What a process does not do in this story; the crash point is passed by another."""

CHECKPOINTS = ("store.before_checkpoint", "store.after_checkpoint")
"""What PostgreSQL does by itself."""

STORY = ("inbox.", "journal.", "nats.", "store.", "timers.")
"""What this story passes; tests/faults/test_01_kill_at_every_point.py sees to all."""

NEVER = ("store.before_opened", "store.after_opened")
"""What lies before a crash can be armed."""

Death = tuple[str, str, int]
ALL: list[Death] = [
    (service, point, nth)
    for service in NEVER_PASSED
    for point in points()
    for nth in (1, 4)
    if point.startswith(STORY) and point not in NEVER
]


async def tell(world: ApartWorld) -> None:
    """Events, one of them failing at first, a plain command, a command that is sent, and timers."""
    mail = world.client(Mail)
    for account in ("stumbling", "closed"):
        await mail.fail_next(account, 2)
    async with asyncio.TaskGroup() as group:
        for account in ACCOUNTS:
            group.create_task(pay_in_order(world, account))
        for n in range(PAYMENTS):
            group.create_task(pay_twice(world, f"twice-{n}"))
            group.create_task(set_bells(world, f"bell-{n}"))
        group.create_task(using(world.client(Ledger), key="close").close_account("closed"))


async def pay_in_order(world: ApartWorld, account: str) -> None:
    for cents in range(1, PAYMENTS + 1):
        await using(world.client(Ledger), key=f"{account}-{cents}").pay(account, cents)


async def pay_twice(world: ApartWorld, account: str) -> None:
    await using(world.client(Desk), key=account).pay_twice(account, 5)


async def set_bells(world: ApartWorld, account: str) -> None:
    await using(world.client(Desk), key=account).set_bells(account, BELLS)


async def survive(world: ApartWorld, death: Death) -> bool:
    """Whether the process has died where it was meant to; it is started again if so."""
    service, point, nth = death
    await world.crash(service, point, nth)
    revived = asyncio.Event()

    async def revive() -> None:
        await world.died(service)
        await world.revive(service)
        revived.set()

    async with asyncio.TaskGroup() as group:
        reviving = group.create_task(revive())
        await tell(world)
        await settle(world, revived)
        reviving.cancel()
    return revived.is_set()


async def settle(world: ApartWorld, revived: asyncio.Event) -> None:
    """Let everything arrive and be saved, from the beginning if the process dies meanwhile."""
    while True:
        was_revived = revived.is_set()
        try:
            await world.settle()
            world.clock.advance(SAVE_SECONDS)
            await world.settle()
        except (ControlError, ExceptionGroup):
            assert not was_revived
            await revived.wait()
        else:
            return


async def check(world: ApartWorld) -> None:
    ledger, mail = world.client(Ledger), world.client(Mail)
    for account in ACCOUNTS:
        assert await mail.get_heard(account) == list(range(1, PAYMENTS + 1))
        assert await ledger.count_payments(account) == PAYMENTS
    for n in range(PAYMENTS):
        assert await mail.get_heard(f"twice-{n}") == [5, 5]
        assert await world.client(Desk).get_rung(f"bell-{n}") == sorted(BELLS)
        assert await ledger.count_rings(f"bell-{n}") == 1
    assert await mail.count_letters("closed") == 1


def drawn() -> list[Death]:
    passed = [d for d in ALL if not d[1].startswith(NEVER_PASSED[d[0]])]
    return random.Random(seed()).sample(passed, SAMPLE)


def name(death: Death) -> str:
    return f"{death[0]}-{death[1]}-{death[2]}"


@pytest.mark.worlds("apart")
@pytest.mark.stores("sqlite", "postgres")
@pytest.mark.parametrize("death", drawn(), ids=name)
async def test_a_death_at_a_drawn_point_is_not_in_the_effects(
    world: ApartWorld, death: Death
) -> None:
    await survive(world, death)

    await check(world)


@pytest.mark.long
@pytest.mark.worlds("apart")
@pytest.mark.stores("sqlite", "postgres")
@pytest.mark.parametrize("death", shared(ALL), ids=name)
async def test_a_death_at_any_point_is_not_in_the_effects(
    world: ApartWorld, world_store: str, death: Death
) -> None:
    has_died = await survive(world, death)

    await check(world)
    service, point, nth = death
    never = NEVER_PASSED[service] + (CHECKPOINTS if world_store == "postgres" else ())
    assert nth > 1 or has_died != point.startswith(never)
