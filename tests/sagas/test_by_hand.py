"""A service that a test has made itself, with fakes for the others."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from outgrow.clock import ManualClock
from outgrow.context import Caller, Context, enter, leave
from outgrow.errors import StillRunning
from outgrow.journal import SCHEMA, Outbox
from outgrow.sagas import SCHEMA as SAGAS
from outgrow.store import open_store
from tests.sagas import orders
from tests.sagas.orders import OrdersService
from tests.sagas.payments import Declined, Payments
from tests.sagas.stock import Line, Stock


class FakeStock(Stock):
    """Keeps what is held in memory."""

    def __init__(self) -> None:
        self.held: dict[str, int] = {}
        self.errors: list[Exception] = []

    async def hold(self, name: str, count: int = 1) -> int:
        if self.errors:
            raise self.errors.pop()
        self.held[name] = count
        return count

    async def hold_lines(self, lines: list[Line], weight: float = 1.0) -> list[Line]:
        return lines

    async def release(self, name: str) -> None:
        self.held.pop(name, None)

    async def count(self, name: str) -> int:
        return self.held.get(name, 0)


class FakePayments(Payments):
    """Declines everything over a hundred."""

    async def charge(self, name: str, cents: int) -> int:
        if cents > 100:
            raise Declined(name=name, cents=cents)
        return cents

    async def refund(self, name: str) -> None: ...


@pytest.fixture
async def service(tmp_path: Path, clock: ManualClock) -> AsyncIterator[OrdersService]:
    migrations = tmp_path / "migrations"
    migrations.mkdir()
    (migrations / "0001_tables.sql").write_text(orders.MIGRATION)
    store = await open_store(
        tmp_path / "orders.sqlite3",
        application="test",
        service="orders",
        clock=clock,
        schemas=[SCHEMA, SAGAS],
        migrations=migrations,
        outbox=Outbox("orders", clock),
    )
    yield OrdersService(store, FakeStock(), FakePayments())
    await store.close()


async def under_key(service: OrdersService, key: str) -> str:
    context = Context(
        caller=Caller(kind="user", subject="ada"),
        correlation_id="c",
        trace_id=1,
        span_id=2,
        deadline=float("inf"),
        method="orders.place",
        key=key,
    )
    token = enter(context)
    try:
        return await service.place("a")
    finally:
        leave(token)


async def test_it_runs_in_the_task_of_its_caller(service: OrdersService):
    async def body(self, run):
        before = await self.stock.count("a")
        await run.step(self.create, "a").undo(self.cancel, "a")
        held, paid = await run.all(
            run.step(self.stock.hold, "a", 2).undo(self.stock.release, "a"),
            run.step(self.payments.charge, "a", cents=5).undo(self.payments.refund, "a"),
        )
        return f"{await run.step(self.confirm, 'a')} {before} {held} {paid}"

    service.bodies["a"] = body
    assert await service.place("a") == "confirmed a 0 2 5"
    assert await service.state("a") == "confirmed"
    assert service.stock.held == {"a": 2}


async def test_it_is_undone_before_its_caller_is_answered(service: OrdersService):
    async def body(self, run):
        await run.step(self.create, "a").undo(self.cancel, "a")
        await run.step(self.stock.hold, "a").undo(self.stock.release, "a")
        await run.step(self.payments.charge, "a", 500).undo(self.payments.refund, "a")

    service.bodies["a"] = body
    with pytest.raises(Declined):
        await service.place("a")
    assert await service.state("a") == "none"
    assert service.stock.held == {}


async def test_what_went_wrong_is_told_and_asking_again_goes_on(
    service: OrdersService, clock: ManualClock
):
    async def body(self, run):
        await run.step(self.create, "a").undo(self.cancel, "a")
        await run.step(self.stock.hold, "a").undo(self.stock.release, "a")
        return await run.step(self.confirm, "a")

    service.bodies["a"] = body
    service.stock.errors = [OSError("not now")]
    for _ in range(2):
        with pytest.raises(StillRunning) as caught:
            await under_key(service, "k")
        assert str(caught.value.__cause__) == "OSError: not now"
    clock.advance(1.0)
    assert await under_key(service, "k") == "confirmed a"
    assert await under_key(service, "k") == "confirmed a"
    assert service.did.count("confirm a") == 1


async def test_a_pause_ends_when_it_is_asked_again(service: OrdersService, clock: ManualClock):
    async def body(self, run):
        await run.step(self.create, "a").undo(self.cancel, "a")
        await run.sleep(timedelta(hours=3))
        return await run.step(self.confirm, "a")

    service.bodies["a"] = body
    with pytest.raises(StillRunning):
        await under_key(service, "k")
    clock.advance(3 * 3600.0)
    assert await under_key(service, "k") == "confirmed a"


async def test_a_fake_that_answers_nonsense_is_a_failure(service: OrdersService):
    class NonsenseStock(FakeStock):
        async def hold(self, name: str, count: int = 1) -> int:
            return object()  # type: ignore[return-value]

    async def body(self, run):
        await run.step(self.create, "a").undo(self.cancel, "a")
        await run.step(self.stock.hold, "a").undo(self.stock.release, "a")

    service.bodies["a"] = body
    service.stock = NonsenseStock()
    with pytest.raises(StillRunning) as caught:
        await service.place("a")
    assert "is no data" in str(caught.value.__cause__)
