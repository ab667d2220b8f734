"""What an operator sees of sagas and decides about them, while they run, wait, and are stuck."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from typing import Any

import msgspec
import pytest

from outgrow.calls import using
from outgrow.contracts import read_contract
from outgrow.errors import ControlError, SagaAborted
from outgrow.journal import Decision
from outgrow.sagas.operating import Deciding, SagaShown, Showing, Wanted, draw_written
from tests.sagas.orders import Body
from tests.sagas.stock import Full
from tests.sagas.town import CONTRACTS, Town, both, lose

WHY = Decision(who="ann", reason="the machine is broken")
GONE = RuntimeError("it is broken")
FAILED = "CallFailed: stock.release: it raised builtins.RuntimeError: it is broken"


Call = asyncio.Task[tuple[Any, Exception | None]]


class Desk:
    """An operator of the orders' sagas, and callers who wait for them."""

    def __init__(self, town: Town, group: asyncio.TaskGroup) -> None:
        self._group = group
        methods = [m for c in CONTRACTS.values() for m in read_contract(c).methods.values()]
        self.town = town
        self.showing = Showing(town.sagas)
        self.deciding = Deciding(
            town.sagas, town._outboxes.__getitem__, {m.full_name: m for m in methods}
        )

    async def begin(
        self, body: Body, *, key: str = "k", command: str = "place", hangs: bool = False
    ) -> Call:
        """A caller that waits for a saga; it has failed once, unless it *hangs*."""
        self.town.orders.bodies["a"] = body
        client = using(self.town.front, key=key, deadline=1e9)
        call = self._group.create_task(_settled(getattr(client, command)("a")))
        async with asyncio.timeout(20):
            while not hangs and not await self.has_failed():
                await asyncio.wait([call], timeout=0.005)
        return call

    async def has_failed(self) -> bool:
        return any(attempts for _, _, attempts, _ in await self.town.sagas_of())

    async def answer(self, call: Call) -> Any:
        """What the caller gets in the end."""
        value, error = await self.town.finish(call)
        if error is not None:
            raise error
        return value

    async def saga(self) -> SagaShown:
        ((saga_id,),) = await self.town.rows("orders", "select id from outgrow_saga")
        return await self.showing.shown(saga_id)

    async def id(self) -> str:
        return (await self.saga()).told.id

    async def audit(self) -> list[tuple[str, dict[str, Any]]]:
        sql = "select type, body from outgrow_journal where kind = 'audit' order by position"
        rows = await self.town.rows("orders", sql)
        return [(name, msgspec.json.decode(body)) for name, body in rows]


@pytest.fixture
async def desk(town: Town) -> AsyncIterator[Desk]:
    async with asyncio.TaskGroup() as group:
        yield Desk(town, group)


async def _settled(call: Awaitable[Any]) -> tuple[Any, Exception | None]:
    try:
        return await call, None
    except Exception as error:  # noqa: BLE001 - raised where it is asked for
        return None, error


async def order(self, run):
    run.tag(order_id="7")
    await run.step(self.create, "a").undo(self.cancel, "a")
    held = await run.step(self.stock.hold, "a", count=2).undo(self.stock.release, "a")
    paid = await run.step(self.payments.charge, "a", 5).undo(self.payments.refund, "a")
    return f"{await run.step(self.confirm, 'a')} {held} {paid}"


async def failing(self, run):
    await run.step(self.create, "a").undo(self.cancel, "a")
    await run.step(self.stock.hold, "a").undo(self.stock.release, "a")
    await run.step(self.stock.hold, "a", 101)
    return ""


async def stick_in_undoing(town: Town, desk: Desk) -> Call:
    """Let a saga be undone, and the undo of what is held fail until it is stuck."""
    town.stock.trouble["release"] = [GONE] * 20
    call = await desk.begin(failing)
    await town.settle_all()
    return call


@both
async def test_a_stuck_undo_is_seen_and_tried_again_in_its_direction(town: Town, desk: Desk):
    call = await stick_in_undoing(town, desk)
    told = (await desk.saga()).told

    assert (told.state, told.is_undoing, told.step) == ("stuck", True, "2 stock.release")
    assert (told.attempts, told.error) == (20, FAILED)
    assert (await town.sagas.statistics())["orders"]["stuck"] == 1

    after = await desk.deciding.retry(told.id, Decision(who="ann"))
    assert (after.state, after.is_undoing, after.attempts) == ("undoing", True, 0)
    with pytest.raises(Full):
        await desk.answer(call)

    assert (await desk.saga()).told.state == "undone"
    assert await town.inventory() == ([], [], [])
    ((name, body),) = await desk.audit()
    assert (name, body["who"], body["state"]) == ("outgrow.SagaRetried", "ann", "stuck")


@both
async def test_an_undo_that_cannot_be_is_passed_over(town: Town, desk: Desk):
    call = await stick_in_undoing(town, desk)
    saga_id = await desk.id()

    with pytest.raises(ControlError, match=r"is not at step 1\. It is at 2, step stock\.hold"):
        await desk.deciding.skip(saga_id, 1, WHY)
    with pytest.raises(ControlError, match="answers nothing"):
        await desk.deciding.skip(saga_id, 2, WHY, reply="7")
    await desk.deciding.skip(saga_id, 2, WHY)
    with pytest.raises(Full):
        await desk.answer(call)

    saga = await desk.saga()
    assert saga.told.state == "undone"
    assert [step.state for step in saga.steps] == ["undone", "skipped", "problem"]
    assert await town.inventory() == ([], [], [("a", 1)])
    assert (await desk.audit())[-1][1]["is_undoing"] is True


@both
async def test_a_step_is_passed_over_with_the_reply_that_an_operator_gives(town: Town, desk: Desk):
    town.ways["payments.charge"] = [lose] * 50
    call = await desk.begin(order)
    saga_id = await desk.id()

    with pytest.raises(ControlError, match=r"was payments\.charge done\? Say --done"):
        await desk.deciding.skip(saga_id, 3, WHY, reply="5")
    with pytest.raises(ControlError, match=r"what does payments\.charge answer\?"):
        await desk.deciding.skip(saga_id, 3, WHY, was_done=False)
    with pytest.raises(ControlError, match=r"is no reply of payments\.charge"):
        await desk.deciding.skip(saga_id, 3, WHY, was_done=False, reply='"five"')
    told = await desk.deciding.skip(saga_id, 3, WHY, was_done=False, reply="77")

    assert told.state == "running"
    assert await desk.answer(call) == "confirmed a 2 77"
    assert [s.state for s in (await desk.saga()).steps] == ["reply", "reply", "skipped", "reply"]
    assert await town.inventory() == ([("a", "confirmed")], [], [("a", 2)])


async def test_what_was_not_done_is_not_undone_later(town: Town, desk: Desk):
    async def body(self, run):
        await run.step(self.payments.charge, "a", 5).undo(self.payments.refund, "a")
        await run.step(self.stock.hold, "a", 101)
        return ""

    for was_done, undone in ((True, ["refund a"]), (False, [])):
        town.ways["payments.charge"] = [lose]
        town.payments.did.clear()
        call = await desk.begin(body, key=str(was_done))
        (stuck,), _ = await desk.showing.listed("orders", Wanted())
        await desk.deciding.skip(stuck.id, 1, WHY, was_done=was_done, reply="5")
        with pytest.raises(Exception, match="There is no room"):
            await desk.answer(call)
        assert town.payments.did == undone


@both
async def test_a_running_saga_is_undone_and_its_worker_lets_go(town: Town, desk: Desk):
    arrived = asyncio.Event()

    async def hang(call):
        arrived.set()
        await asyncio.Event().wait()

    town.ways["payments.charge"] = [hang]
    call = await desk.begin(order, hangs=True)
    await asyncio.wait_for(arrived.wait(), 20)
    epoch = (await desk.saga()).epoch

    told = await desk.deciding.undo(await desk.id(), WHY)
    with pytest.raises(SagaAborted, match="undone by ann: the machine is broken"):
        await desk.answer(call)

    saga = await desk.saga()
    assert (told.state, saga.told.state) == ("undoing", "undone")
    assert saga.epoch >= epoch + 2
    assert await town.inventory() == ([], [], [])
    assert [name for name, _ in await desk.audit()] == ["outgrow.SagaUndone"]


@both
async def test_a_reply_that_comes_after_a_decision_changes_nothing(
    town: Town, desk: Desk, store_kind: str
):
    """
    A worker goes on after the decision, and would commit what it has.

    In PostgreSQL it may be another process, which is kept from it by the saga's epoch alone.
    """
    answers = town.sagas.keepings["orders"].engine.answers
    if store_kind == "postgres":
        answers.supersede = answers.let_go = lambda _: None  # type: ignore[method-assign]
    began, go_on = asyncio.Event(), asyncio.Event()

    async def body(self, run):
        await run.step(self.create, "a").undo(self.cancel, "a")
        await run.step(self.payments.charge, "a", 5).undo(self.payments.refund, "a")
        return "never"

    async def late(call):
        reply = await call()
        running = town.sagas.keepings["orders"].engine.running[await desk.id()]
        running.cancel = bool  # type: ignore[assignment]  # It hears of nothing but the fence.
        began.set()
        await go_on.wait()
        return reply

    town.ways["payments.charge"] = [late]
    call = await desk.begin(body, hangs=True)
    await asyncio.wait_for(began.wait(), 20)
    told = await desk.deciding.resolve(await desk.id(), WHY, reply='"by hand"')
    go_on.set()

    assert told.state == "resolved"
    assert await desk.answer(call) == "by hand"
    assert [s.state for s in (await desk.saga()).steps] == ["reply", "planned"]
    assert town.sagas.keepings["orders"].engine.counted["superseded"] == 1


@both
async def test_a_saga_is_resolved_and_its_caller_told(town: Town, desk: Desk):
    town.ways["payments.charge"] = [lose] * 50
    call = await desk.begin(order)

    told = await desk.deciding.resolve(await desk.id(), WHY)
    with pytest.raises(SagaAborted, match="resolved by ann: the machine is broken"):
        await desk.answer(call)

    saga = await desk.saga()
    assert (told.state, saga.told.error) == ("resolved", "resolved by ann: the machine is broken")
    assert saga.outcome == {"state": "aborted", "text": "resolved by ann: the machine is broken"}
    assert await town.inventory() == ([("a", "new")], [], [("a", 2)])
    ((_, body),) = await desk.audit()
    assert body["done"] == ["1 orders.create", "2 stock.hold"]


@both
async def test_nothing_is_decided_about_a_saga_that_has_ended(town: Town, desk: Desk):
    await town.place(order)
    saga_id, deciding = await desk.id(), desk.deciding

    for decide in (
        deciding.retry(saga_id, WHY),
        deciding.skip(saga_id, 1, WHY),
        deciding.undo(saga_id, WHY),
        deciding.resolve(saga_id, WHY),
    ):
        with pytest.raises(ControlError, match=r"has ended: it is completed since"):
            await decide
    assert await desk.audit() == []
    assert (await desk.saga()).told.state == "completed"


async def test_what_is_not_there_is_said(town: Town, desk: Desk):
    unknown = "orders-01999999-9999-7999-8999-999999999999"

    with pytest.raises(ControlError, match="there is no saga orders-"):
        await desk.deciding.retry(unknown, WHY)
    with pytest.raises(ControlError, match="there is no saga orders-"):
        await desk.showing.shown(unknown)
    with pytest.raises(ControlError, match="is no id of a saga"):
        await desk.showing.shown("orders")
    with pytest.raises(ControlError, match=r"'bank' has no sagas .* with some: orders"):
        await desk.showing.listed("bank", Wanted())
    with pytest.raises(ControlError, match=r"'lost' is no state .* running, waiting, undoing"):
        await desk.showing.listed("orders", Wanted(states=("lost",)))
    with pytest.raises(ControlError, match=r"why\?"):
        await desk.deciding.undo(unknown, Decision(who="ann"))


async def test_behind_the_pivot_nothing_is_undone_and_before_it_somebody_must_know(
    town: Town, desk: Desk
):
    async def body(self, run):
        await run.step(self.create, "a").undo(self.cancel, "a")
        await run.step(self.payments.charge, "a", 5).pivot()
        return await run.step(self.confirm, "a")

    town.ways["payments.charge"] = [lose] * 2
    call = await desk.begin(body)
    saga_id = await desk.id()
    with pytest.raises(ControlError, match=r"nobody knows whether the pivot .* --not-done"):
        await desk.deciding.undo(saga_id, WHY)

    town.orders.trouble["confirm"] = [GONE] * 50
    await desk.deciding.skip(saga_id, 2, WHY, was_done=True, reply="5")
    async with asyncio.timeout(20):
        while not await desk.has_failed():
            await asyncio.wait([call], timeout=0.005)
    with pytest.raises(ControlError, match=r"has passed its pivot, payments\.charge"):
        await desk.deciding.undo(saga_id, WHY)
    town.orders.trouble.clear()
    await desk.deciding.retry(saga_id, Decision(who="ann"))
    assert await desk.answer(call) == "confirmed a"


async def test_a_saga_whose_time_is_over_gets_as_much_again(town: Town, desk: Desk):
    async def body(self, run):
        await run.step(self.payments.charge, "a", 5).pivot()
        return await run.step(self.confirm, "a")

    town.orders.trouble["confirm"] = [GONE] * 200
    call = await desk.begin(body, command="place_soon")
    await town.settle_all()
    told = (await desk.saga()).told
    assert (told.state, told.is_undoing) == ("stuck", False)

    town.orders.trouble.clear()
    assert await desk.deciding.retry_stuck("orders.place_soon", Decision(who="ann")) == 1
    assert await desk.answer(call) == "confirmed a"
    assert (await desk.saga()).told.deadline_at > told.deadline_at


async def test_sagas_are_found_by_state_tag_and_request(town: Town, desk: Desk):
    town.ways["payments.charge"] = [lose] * 50
    call = await desk.begin(order)
    (told,), count = await desk.showing.listed("orders", Wanted())

    assert count == 1
    assert (told.saga, told.state, told.step) == ("orders.place", "running", "3 payments.charge")
    assert (told.tags, told.attempts) == ({"order_id": "7"}, 1)
    for wanted, is_there in (
        (Wanted(tags={"order_id": "7"}), True),
        (Wanted(tags={"order_id": "%"}), False),
        (Wanted(saga="orders.place"), True),
        (Wanted(saga="orders.other"), False),
        (Wanted(states=("running", "stuck")), True),
        (Wanted(states=("completed",)), False),
        (Wanted(correlation_id=told.correlation_id), True),
        (Wanted(correlation_id="another"), False),
    ):
        sagas, _ = await desk.showing.listed("orders", wanted)
        assert bool(sagas) is is_there, wanted
    await desk.deciding.resolve(told.id, WHY)
    await town.finish(call)
    assert await desk.showing.listed("orders", Wanted()) == ([], 0)
    ((ended,), _) = await desk.showing.listed("orders", Wanted(states=("resolved",)))
    assert ended.step is None


async def test_what_is_written_down_is_drawn(town: Town, desk: Desk):
    call = await stick_in_undoing(town, desk)

    drawn = draw_written(await desk.saga())

    lines = [line.strip() for line in drawn.splitlines()]
    assert lines[0] == "flowchart TD"
    assert 's2["2 stock.hold: reply"]:::reply' in lines
    assert 'u2["stock.release"]:::planned' in lines
    assert "s2 -. undo .-> u2" in lines
    assert 'state(["stuck"])' in lines
    await desk.deciding.resolve(await desk.id(), WHY)
    await town.finish(call)
