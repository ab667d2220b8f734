"""A disk takes no more for a while: what is not committed has not happened, and the rest comes."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from parity.ledger.contract import Ledger
from parity.mail.contract import Mail

from outgrow import using
from outgrow.errors import CallFailed
from outgrow.testing import ApartWorld

pytestmark = [pytest.mark.worlds("apart"), pytest.mark.stores("sqlite")]


@contextmanager
def full(world: ApartWorld, service: str) -> Iterator[None]:
    """No file of the process that hosts *service* may grow, nor be written where it has grown."""
    pid = world._host_of(service).pid
    soft, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, hard))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (soft, hard))


async def test_a_command_fails_while_nothing_can_be_written_and_works_afterwards(
    world: ApartWorld,
) -> None:
    ledger = using(world.client(Ledger), key="once")
    await world.client(Ledger).pay("a", 1)

    with full(world, "ledger"):
        with pytest.raises(CallFailed):
            await ledger.pay("a", 2)
        assert await ledger.count_payments("a") == 1
    await ledger.pay("a", 2)
    await ledger.pay("a", 2)
    await world.settle()

    assert await ledger.count_payments("a") == 2
    assert await world.client(Mail).get_heard("a") == [1, 2]


async def test_events_wait_while_the_listener_can_write_nothing(world: ApartWorld) -> None:
    ledger, mail = world.client(Ledger), world.client(Mail)
    await ledger.pay("a", 1)
    await world.settle()

    with full(world, "mail"):
        for cents in (2, 3):
            await ledger.pay("a", cents)
        assert await mail.get_heard("a") == [1]
    await world.settle()

    assert await mail.get_heard("a") == [1, 2, 3]
