"""What goes wrong in the saga's own store."""

import asyncio
import itertools
from contextlib import suppress

import pytest

from outgrow.errors import CallFailed, CommitUnknown, SagaAborted
from outgrow.sagas.driving import keeping
from tests.sagas.conftest import Run
from tests.sagas.town import Town, both, lose

WAYS = ("fails", "commits", "is lost", "twice")
"""How a unit of work can go wrong; ``commits`` and ``is lost`` look alike."""


class Trouble:
    """Lets the nth unit of work of the orders' store go wrong from now on."""

    def __init__(self, town: Town, nth: int, what: str) -> None:
        store = town.stores["orders"]
        self._transact = store.transact
        self._left = nth
        self._what = what
        self.has_happened = False
        store.transact = self.transact

    async def transact(self, unit, *args):
        self._left -= 1
        if self._left:
            return await self._transact(unit, *args)
        self.has_happened = True

        async def fail(tx):
            await unit(tx, *args)
            raise OSError("the disk is full")

        async def twice(tx):
            await unit(tx, *args)
            await tx.undo()
            return await unit(tx, *args)

        if self._what == "fails":
            return await self._transact(fail)
        if self._what == "twice":
            return await self._transact(twice)
        if self._what == "commits":
            await self._transact(unit, *args)
        else:
            with suppress(OSError):
                await self._transact(fail)
        raise CommitUnknown("a database", "a unit")


@both
async def test_a_unit_of_the_saga_that_goes_wrong_is_made_good(town: Town):
    """Each unit in its turn: the plan, the local steps, the end."""
    for number, (what, nth) in enumerate(itertools.product(WAYS, range(1, 5)), 10):
        name, trouble = f"a{number}", Trouble(town, nth, what)

        async def body(self, run, name=name):
            held = await run.step(self.stock.hold, name, 2).undo(self.stock.release, name)
            await run.step(self.create, name).undo(self.cancel, name)
            run.now()
            await run.step(self.payments.charge, name, 5).undo(self.payments.refund, name)
            return f"{await run.step(self.confirm, name)} {held}"

        told = f"confirmed {name} 2"
        try:
            assert await town.place(body, name, key=name) == told
        except CallFailed:
            assert nth == 1  # Nothing was begun, or nobody knows.
            assert await town.place(body, name, key=name) == told
        town.stores["orders"].transact = trouble._transact
        assert trouble.has_happened
        assert (await town.inventory())[0][-1] == (name, "confirmed")
        assert (await town.inventory())[1][-1] == (name, 5)
        assert (await town.inventory())[2][-1] == (name, 2)
    assert [len(rows) for rows in await town.inventory()] == [16, 16, 16]
    assert {state for state, _, _, _ in await town.sagas_of()} == {"completed"}


@both
async def test_a_unit_of_undoing_that_goes_wrong_is_made_good(town: Town):
    for number, (what, nth) in enumerate(itertools.product(WAYS, range(1, 6)), 10):
        name, trouble = f"a{number}", Trouble(town, nth, what)

        async def body(self, run, name=name):
            await run.step(self.create, name).undo(self.cancel, name)
            await run.step(self.stock.hold, name, 2).undo(self.stock.release, name)
            await run.step(self.reserve, "b").undo(self.cancel, "b")

        for _ in range(2):
            with pytest.raises(Exception, match=r"no room for b|is full|connection was lost"):
                await town.place(body, name, key=name)
        town.stores["orders"].transact = trouble._transact
        assert trouble.has_happened
        assert await town.inventory() == ([], [], [])
    assert {state for state, _, _, _ in await town.sagas_of()} == {"undone"}


async def test_a_technical_failure_before_anything_is_begun_is_told(town: Town):
    async def body(self, run):
        message = "not today"
        raise OSError(message)

    with pytest.raises(CallFailed, match="OSError: not today"):
        await town.place(body, key="k")
    assert await town.sagas_of() == []


async def test_a_method_that_fails_after_a_step_is_run_again(town: Town):
    async def body(self, run):
        await run.step(self.create, "a").undo(self.cancel, "a")
        if self.runs < 4:
            message = "not yet"
            raise OSError(message)
        return await run.step(self.confirm, "a")

    assert await town.place(body) == "confirmed a"
    assert town.orders.runs == 4
    assert town.orders.did == ["create a", "confirm a"]


async def test_pauses_between_attempts_double_up_to_a_minute(town: Town):
    moments = []

    async def fail(call):
        moments.append(town.clock.monotonic())
        message = "not now"
        raise OSError(message)

    async def body(self, run):
        return str(await run.step(self.stock.hold, "a").undo(self.stock.release, "a"))

    town.ways["stock.hold"] = [fail] * 12
    assert await town.place(body) == "1"
    pauses = [round(b - a, 1) for a, b in itertools.pairwise(moments)]
    assert pauses == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 51.2, 60.0]


async def test_what_a_method_does_when_it_is_put_away_has_no_effect(town: Town):
    async def fail(call):
        message = "not now"
        raise OSError(message)

    async def body(self, run):
        try:
            return str(await run.step(self.stock.hold, "a").undo(self.stock.release, "a"))
        finally:
            if self.runs == 1:
                await run.step(self.stock.hold, "b")

    town.ways["stock.hold"] = [fail]
    assert await town.place(body) == "1"
    assert town.stock.did == ["hold a"]


async def test_a_caller_that_gives_up_does_not_end_the_saga(town: Town):
    came, go_on = asyncio.Event(), asyncio.Event()

    async def wait(call):
        came.set()
        await go_on.wait()
        return await call()

    async def body(self, run):
        await run.step(self.stock.hold, "a").undo(self.stock.release, "a")
        return await run.step(self.create, "a")

    town.ways["stock.hold"] = [wait]
    town.orders.bodies["a"] = body
    async with asyncio.TaskGroup() as group:
        calling = group.create_task(town.front.place("a"))
        await came.wait()
        calling.cancel()
    go_on.set()
    await town.settle_all()
    assert await town.inventory() == ([("a", "new")], [], [("a", 1)])


async def test_a_text_of_an_error_that_no_database_can_hold(town: Town):
    async def body(self, run):
        return str(await run.step(self.stock.hold, "a").undo(self.stock.release, "a"))

    async def fail(call):
        message = "zero \x00 and half \ud800"
        raise OSError(message)

    town.ways["stock.hold"] = [fail]
    assert await town.place(body) == "1"


async def hang(call):
    await asyncio.Event().wait()


async def limited(run, *steps):
    async with asyncio.timeout(0.01):
        await run.all(*steps)


async def grouped(run, *steps):
    """A task group cancels the saga's task, in which it stands."""

    async def fail():
        message = "a child failed"
        raise OSError(message)

    async with asyncio.TaskGroup() as group:
        group.create_task(fail())
        await steps[0]


@pytest.mark.parametrize("cut", [limited, grouped], ids=lambda cut: cut.__name__)
async def test_a_method_that_cuts_off_what_it_waits_for_is_refused(town: Town, cut):
    """Who catches the end of his own time limit has not seen what a replay would see."""

    async def body(self, run):
        await run.step(self.create, "a").undo(self.cancel, "a")
        try:
            await cut(run, run.step(self.stock.hold, "a").undo(self.stock.release, "a"))
        except* (TimeoutError, OSError):
            pass
        return await run.step(self.confirm, "a")

    town.ways["stock.hold"] = [hang]
    with pytest.raises(SagaAborted, match="cut off what it waited for"):
        await town.place(body)
    assert await town.inventory() == ([], [], [])
    assert [state for state, _, _, _ in await town.sagas_of()] == ["undone"]


@pytest.mark.parametrize("nth", [1, 2, 3])
async def test_what_was_committed_when_it_was_cut_off_is_no_secret(town: Town, nth: int):
    """The saga's store is as slow as the time limit; what it commits, it commits."""
    store, units, limit = town.stores["orders"], 0, asyncio.timeout(None)
    transact = store.transact

    async def slow(unit, *args):
        nonlocal units
        result = await transact(unit, *args)
        units += 1
        if units == nth:
            limit.reschedule(asyncio.get_running_loop().time())
            await asyncio.Event().wait()
        return result

    async def body(self, run):
        nonlocal limit
        with suppress(TimeoutError):
            async with (limit := asyncio.timeout(None)):
                await run.step(self.stock.hold, "a").undo(self.stock.release, "a")
                await run.step(self.create, "a").undo(self.cancel, "a")
                await run.step(self.payments.charge, "a", 5).undo(self.payments.refund, "a")
        return "gave up"

    store.transact = slow
    if nth == 2:  # The method went on already when the end of the step's unit was cut off.
        assert await town.place(body) == "gave up"
        assert await town.inventory() == ([("a", "new")], [("a", 5)], [("a", 1)])
        return
    with pytest.raises(SagaAborted, match="cut off what it waited for"):
        await town.place(body)
    assert await town.inventory() == ([], [], [])


async def test_what_a_method_cuts_off_of_its_own_is_its_own_matter(town: Town):
    async def body(self, run):
        await run.step(self.create, "a").undo(self.cancel, "a")
        with suppress(TimeoutError):
            async with asyncio.timeout(0.001):
                await asyncio.Event().wait()
        waiting = asyncio.get_running_loop().create_future()
        waiting.cancel()
        with suppress(asyncio.CancelledError):
            await waiting
        if not tried:
            tried.append(1)
            await waiting
        return await run.step(self.confirm, "a")

    tried = []
    assert await town.place(body) == "confirmed a"
    assert tried


async def test_a_step_awaited_in_a_task_group_is_refused_at_once(town: Town):
    async def body(self, run):
        await run.step(self.create, "a").undo(self.cancel, "a")

        async def hold():
            await run.step(self.stock.hold, "a").undo(self.stock.release, "a")

        async with asyncio.TaskGroup() as group:
            group.create_task(hold())

    with pytest.raises(SagaAborted, match="awaited by another task"):
        await town.place(body)
    assert await town.inventory() == ([], [], [])
    assert town.orders.runs < 4  # It may have to be read again what was committed.


async def test_what_a_method_asks_for_because_of_a_failure_is_no_part_of_its_history(town: Town):
    async def measured(self, run):
        began = run.now()
        try:
            await run.step(self.create, "a").undo(self.cancel, "a")
            if self.runs == 1:
                message = "not yet"
                raise OSError(message)
            await run.step(self.stock.hold, "a").undo(self.stock.release, "a")
            return await run.step(self.confirm, "a")
        finally:
            run.tag(took=str(run.now() - began), runs=str(self.runs))

    async def fail(call):
        message = "not now"
        raise OSError(message)

    town.ways["stock.hold"] = [fail]
    assert await town.place(measured) == "confirmed a"
    assert town.orders.runs == 3
    assert [name for _, name, _ in await town.steps()] == [
        "",
        "orders.create",
        "stock.hold",
        "orders.confirm",
        "",
    ]


async def test_all_that_a_crash_left_is_taken_up_however_many_those_are(
    run_town: Run, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(keeping, "TAKEN_PER_TURN", 2)
    never = asyncio.Event()
    began = asyncio.Semaphore(0)

    async def release(self):
        """Who dies releases nothing."""

    async def hang(call):
        began.release()
        await never.wait()
        return await lose(call)

    async def body(self, run):
        return str(await run.step(self.stock.hold, run.new_id()))

    names = [f"a{number}" for number in range(7)]
    with monkeypatch.context() as dying:
        dying.setattr(keeping.Keeping, "release", release)
        async with run_town() as town, asyncio.TaskGroup() as group:
            town.ways["stock.hold"] = [hang] * len(names)
            town.orders.bodies = dict.fromkeys(names, body)
            calls = [group.create_task(town.orders.place(name)) for name in names]
            for _ in names:
                await began.acquire()
            for call in calls:
                call.cancel()
    sql = "select count(*) from outgrow_saga where state = 'running' and holder <> ''"
    async with run_town() as town:
        town.orders.bodies = dict.fromkeys(names, body)
        await town.settle()
        assert await town.rows("orders", sql) == [(0,)]
        assert {state for state, _, _, _ in await town.sagas_of()} == {"completed"}


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # Its last words.
async def test_a_method_that_swallows_everything_stops_nobody_else(town: Town):
    """It cannot be ended: it asks again whatever is raised in it."""

    async def swallowing(self, run):
        while True:
            try:
                return str(await run.step(self.stock.hold, "a").undo(self.stock.release, "a"))
            except:  # noqa: E722
                continue

    async def again(self, run):
        step = run.step(self.payments.charge, "b", 500)
        while True:
            with suppress(Exception):
                return str(await step)

    async def fail(_):
        raise OSError("not now")

    town.ways["stock.hold"] = [fail]
    assert await town.place(swallowing) == "1"
    with pytest.raises(SagaAborted, match="awaited once"):
        await town.place(again, "b", key="b")
