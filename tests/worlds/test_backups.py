"""A store is brought back, and its journal goes on where nobody has heard it."""

from __future__ import annotations

from pathlib import Path

import pytest
from parity.ledger.contract import Ledger
from parity.mail.contract import Mail

from outgrow.process.backups import Ahead, Stores
from outgrow.process.places import Places
from outgrow.testing import ApartWorld, World
from outgrow.testing.hosts import Hosts
from outgrow.testing.world import opened


def tell(_done: int, _total: int) -> None:
    pass


@pytest.mark.parametrize("is_old_lost", [False, True], ids=["old there", "old lost"])
@pytest.mark.parametrize("is_apart", [False, True], ids=["together", "apart"])
async def test_events_after_a_restoration_are_heard_once_and_in_order(
    outgrow_file: Path, outgrow_hosts: Hosts, tmp_path: Path, is_apart: bool, is_old_lost: bool
) -> None:
    def made() -> World | ApartWorld:
        if is_apart:
            return ApartWorld(outgrow_file, tmp_path, outgrow_hosts)
        return World("together", outgrow_file, tmp_path)

    async def pay(world: World | ApartWorld, amounts: range) -> None:
        for cents in amounts:
            await world.client(Ledger).pay("a", cents)
        await world.settle()

    stores = Stores(Places.read(outgrow_file, tmp_path, ""))
    backup = tmp_path / "ledger.backup"
    async with opened(made()) as world:
        await pay(world, range(1, 4))
        await stores.back_up("ledger", backup, tell)
        await pay(world, range(4, 7))
    if is_old_lost:
        for file in (tmp_path / "store").glob("ledger.sqlite3*"):
            file.unlink()
    restored = await stores.restore("ledger", backup)

    async with opened(made()) as world:
        assert await world.client(Ledger).count_payments("a") == 3
        await pay(world, range(7, 9))
        assert await world.client(Mail).get_heard("a") == list(range(1, 9))
        assert await world.client(Ledger).count_payments("a") == 5

    end = restored.backup.journal_position
    assert Ahead("mail", "mail.hear", end + 3) in restored.ahead
    assert restored.unknown == {}
    assert (restored.aside is None) is is_old_lost
