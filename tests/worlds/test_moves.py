"""A store is moved while its service is at work: nothing is lost, doubled or out of order."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import parity.ledger
import parity.mail
import pytest
from parity.ledger.contract import Ledger
from parity.mail.contract import Mail

from outgrow.clock import SystemClock
from outgrow.process.control import ask_async
from outgrow.process.control.storing import store_verbs
from outgrow.process.schemas import SCHEMAS
from outgrow.store import open_store
from outgrow.store.moving import Move, SqliteEnd, StateFile
from outgrow.store.postgres import PostgresEnd
from outgrow.testing import ApartWorld, World

ACCOUNTS = 8
PAYMENTS_AFTER = 5
PACKAGES = {"ledger": parity.ledger, "mail": parity.mail}


class WorldHosts:
    """Who hosts a service of a world."""

    def __init__(self, world: World, service: str, where: Path | str) -> None:
        self._world = world
        self._service = service
        self._where = where
        self.holds = 0

    async def hold(self) -> None:
        self.holds += 1
        await self._ask("store_hold")

    async def let_go(self) -> None:
        await self._ask("store_go_on")

    async def switch(self) -> None:
        kind = "folder" if isinstance(self._where, Path) else "url"
        await self._ask("store_switch", **{kind: str(self._where)})

    async def _ask(self, verb: str, **arguments: Any) -> None:
        if isinstance(self._world, ApartWorld):
            control = self._world._host_of(self._service).control
            await ask_async(control, verb, service=self._service, **arguments)
        else:
            verbs = store_verbs(self._world.application)
            await verbs[verb]({"service": self._service, **arguments})


def mover(world: World, service: str, url: str, *, back: bool = False) -> Move:
    """The move of the store of *service* to *url*, or back."""
    folder = world.state / "store"
    where = folder if back else url

    async def make_target() -> None:
        migrations = Path(PACKAGES[service].__file__).parent / "migrations"
        store = await open_store(
            folder / f"{service}.sqlite3" if back else url,
            application="parity",
            service=service,
            clock=SystemClock(),
            schemas=SCHEMAS,
            migrations=migrations,
        )
        await store.close()

    ends = SqliteEnd(folder / f"{service}.sqlite3"), PostgresEnd(url)
    return Move(
        application="parity",
        service=service,
        source=ends[1 if back else 0],
        target=ends[0 if back else 1],
        setting="sqlite" if back else "postgresql://there",
        old_setting="postgresql://there" if back else "sqlite",
        secrets=("", ""),
        state=StateFile(folder / f"{service}.move.json"),
        make_target=make_target,
        hosts=WorldHosts(world, service, where),
        clock=SystemClock(),
        progress=lambda what, done, total: None,
    )


async def run(move: Move) -> None:
    try:
        await move.run()
    finally:
        await move.source.close()
        await move.target.close()


class Payers:
    """Tasks that pay one cent more each time, each into its own account."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.paid = dict.fromkeys((f"account-{n}" for n in range(ACCOUNTS)), 0)
        self._is_stopping = False

    async def pay(self, account: str) -> None:
        while not self._is_stopping:
            await self._world.client(Ledger).pay(account, self.paid[account] + 1)
            self.paid[account] += 1

    async def during(self, work: Callable[[], Any]) -> None:
        """Pay before, during and after *work*."""
        async with asyncio.TaskGroup() as tasks:
            for account in self.paid:
                tasks.create_task(self.pay(account))
            await self.until(PAYMENTS_AFTER)
            await work()
            await self.until(max(self.paid.values()) + PAYMENTS_AFTER)
            self._is_stopping = True

    async def until(self, count: int) -> None:
        async with asyncio.timeout(20):
            while min(self.paid.values()) < count:
                await asyncio.to_thread(lambda: None)


@pytest.mark.stores("sqlite")
@pytest.mark.parametrize("service", ["ledger", pytest.param("mail", marks=pytest.mark.long)])
async def test_a_store_is_moved_and_moved_back_under_load(
    world: World, postgres_url: str, service: str
) -> None:
    payers = Payers(world)

    async def there_and_back() -> None:
        await run(mover(world, service, postgres_url))
        await payers.until(max(payers.paid.values()) + PAYMENTS_AFTER)
        await run(mover(world, service, postgres_url, back=True))

    await payers.during(there_and_back)
    await world.settle()

    for account, count in payers.paid.items():
        assert await world.client(Mail).get_heard(account) == list(range(1, count + 1))
        assert await world.client(Ledger).count_payments(account) == count


@pytest.mark.stores("sqlite")
@pytest.mark.worlds("together")
async def test_a_move_that_fails_lets_all_go_on_where_they_were(
    world: World, postgres_url: str
) -> None:
    payers = Payers(world)
    move = mover(world, "ledger", postgres_url)

    async def lose(*_: object) -> None:
        message = "the connection is lost"
        raise OSError(message)

    move.target.finish_writing = lose  # type: ignore[method-assign]

    async def fail() -> None:
        with pytest.raises(OSError, match="lost"):
            await run(move)

    await payers.during(fail)
    await world.settle()

    for account, count in payers.paid.items():
        assert await world.client(Mail).get_heard(account) == list(range(1, count + 1))
