"""Sagas of a whole application that wait, are begun by events, and meet another program."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from outgrow.calls import using
from outgrow.clock import ManualClock
from outgrow.errors import InvalidService, SagaCodeMissing
from outgrow.process import Options, start_application
from outgrow.topology import read_topology
from tests.modules import forget_modules

DESK = """
from outgrow import *
class Opened(Event, key="name"):
    name: str
class Signed(Event, key="name"):
    name: str
class Desk(Contract):
    @command()
    async def open_up(self, name: str) -> None: ...
    @command()
    async def sign(self, name: str) -> None: ...
@service
class DeskService(Desk):
    store: Store
    @transactional
    async def open_up(self, tx: Transaction, name: str) -> None:
        tx.record(Opened(name=name))
    @transactional
    async def sign(self, tx: Transaction, name: str) -> None:
        tx.record(Signed(name=name))
"""
CLERK = """
from datetime import timedelta
import desk_one
from outgrow import *
from desk_one import Desk, Opened
class Clerk(Contract):
    @query()
    async def done(self) -> list[str]: ...
@service
class ClerkService(Clerk):
    store: Store
    desk: Desk
    @on(Opened)
    @saga(deadline="30d")
    async def follow(self, run: Saga, event: Opened) -> None:
        await run.step(self.note, f"{event.name} opened")
        await run.sleep(timedelta(days=1))
        await run.step(self.desk.sign, event.name)
        signed = await run.until(desk_one.Signed, event.name)
        await run.step(self.note, f"{signed.name} signed")
    @transactional
    async def note(self, tx: Transaction, said: str) -> None:
        await tx.execute("insert into notes values (:said)", said=said)
    async def done(self) -> list[str]:
        async with self.store.read() as snapshot:
            return await snapshot.fetch_all(str, "select said from notes order by said")
"""


def options(clock: ManualClock, **more: Any) -> Options:
    return Options(clock=clock, **more)


async def test_sagas_begin_sleep_hear_and_meet_another_program(write, tmp_path: Path) -> None:
    file = write(desk_one=DESK, clerk_one=CLERK)
    (tmp_path / "clerk_one_migrations").mkdir()
    (tmp_path / "clerk_one_migrations" / "0001_a.sql").write_text(
        "create table notes (said text not null);"
    )
    clock = ManualClock()
    async with start_application(read_topology(file), options(clock)) as app:
        import desk_one

        for name in ("a", "b"):
            await using(app.client(desk_one.Desk), key=name).open_up(name)
        assert await app.settle() is None

    async with start_application(read_topology(file), options(clock)) as app:
        import clerk_one

        clerk = app.client(clerk_one.Clerk)
        assert await clerk.done() == ["a opened", "b opened"]
        (consumers,) = [c for c in await app.consumers() if c.consumer.endswith("waiting-sagas")]
        assert (consumers.consumer, consumers.source) == ("clerk_one.waiting-sagas", "desk_one")
        clock.advance(86_400.0)
        assert await app.settle() is None
        assert await clerk.done() == ["a opened", "a signed", "b opened", "b signed"]
        await app.client(desk_one.Desk).open_up("c")
        await app.settle()

    forget_modules(tmp_path)
    file = write(desk_one=DESK, clerk_one=CLERK.replace("@saga(", "@saga(version=2, "))
    with pytest.raises(SagaCodeMissing) as caught:
        async with start_application(read_topology(file), options(clock)):
            pass
    assert caught.value.missing == ["clerk_one.follow, version 1: 1"]

    async with start_application(read_topology(file), options(clock, is_abandoning=True)) as app:
        told = (await app.statistics())["sagas"]
        assert told["clerk_one"]["stuck"] == 1


def test_sagas_of_a_service_stand_in_one_class(write) -> None:
    other = CLERK + (
        "\n@service\nclass OtherService:\n    store: Store\n    @saga\n"
        "    async def more(self, run: Saga) -> None: ...\n"
    )
    file = write(desk_one=DESK, clerk_two=other)
    from outgrow.process.loading import load_services

    with pytest.raises(InvalidService, match="both have sagas") as caught:
        load_services(read_topology(file))
    assert {finding.slug for finding in caught.value.findings} == {"saga-classes"}
