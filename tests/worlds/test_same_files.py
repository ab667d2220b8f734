"""What was written together opens apart, and the way back is as short."""

from __future__ import annotations

from pathlib import Path

import pytest
from parity.ledger.contract import Ledger
from parity.mail.contract import Mail

from outgrow.errors import ControlError, StoreInUse
from outgrow.testing import ApartWorld, World
from outgrow.testing.hosts import Hosts
from outgrow.testing.world import opened


async def pay(world: World, amounts: range) -> None:
    for cents in amounts:
        await world.client(Ledger).pay("a", cents)


async def test_a_store_goes_from_together_to_apart_and_back(
    outgrow_file: Path, outgrow_hosts: Hosts, tmp_path: Path
) -> None:
    async with opened(World("together", outgrow_file, tmp_path)) as together:
        await pay(together, range(1, 11))  # Not settled: some events are on their way.
    async with opened(ApartWorld(outgrow_file, tmp_path, outgrow_hosts)) as apart:
        await pay(apart, range(11, 21))
    async with opened(World("together", outgrow_file, tmp_path)) as back:
        await pay(back, range(21, 31))
        await back.settle()

        assert await back.client(Mail).get_heard("a") == list(range(1, 31))
        assert await back.client(Ledger).count_payments("a") == 30


async def test_a_key_is_remembered_by_the_store_wherever_it_is_opened(
    outgrow_file: Path, outgrow_hosts: Hosts, tmp_path: Path
) -> None:
    from outgrow import using

    async with opened(World("together", outgrow_file, tmp_path)) as together:
        await using(together.client(Ledger), key="once").pay("a", 5)
    async with opened(ApartWorld(outgrow_file, tmp_path, outgrow_hosts)) as apart:
        await using(apart.client(Ledger), key="once").pay("a", 5)
        await apart.settle()

        assert await apart.client(Mail).get_heard("a") == [5]


async def test_a_second_writer_is_refused_while_the_first_goes_on(
    outgrow_file: Path, outgrow_hosts: Hosts, tmp_path: Path
) -> None:
    async with opened(ApartWorld(outgrow_file, tmp_path, outgrow_hosts)) as apart:
        with pytest.raises(StoreInUse):
            await World("together", outgrow_file, tmp_path).start()
        await pay(apart, range(1, 3))

    async with opened(World("together", outgrow_file, tmp_path)) as together:
        with pytest.raises(ControlError, match="has it open"):
            await ApartWorld(outgrow_file, tmp_path, outgrow_hosts).start()
        assert await together.client(Ledger).count_payments("a") == 2
