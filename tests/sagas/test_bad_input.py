import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from outgrow.calls import using
from outgrow.errors import (
    ArgumentsRefused,
    CallFailed,
    CallInTransaction,
    InvalidService,
    SagaAborted,
)
from outgrow.sagas import Saga, saga
from outgrow.sagas.driving.log import STEPS_MAX
from outgrow.sagas.targets import BODY_BYTES_MAX
from tests.sagas.stock import Line
from tests.sagas.town import Town

NOTHING = ([], [], [])
UNZONED = datetime(2031, 1, 1)  # noqa: DTZ001 - on purpose


async def aborted(town: Town, body) -> str:
    """Why the saga was undone that does a step, and then *body*."""

    async def whole(self, run):
        await run.step(self.create, "a").undo(self.cancel, "a")
        await body(self, run)
        return "done"

    with pytest.raises(SagaAborted) as caught:
        await town.place(whole)
    assert await town.inventory() == NOTHING
    assert town.orders.did.count("create a") == town.orders.did.count("cancel a") > 0
    return caught.value.cause


async def test_what_is_no_step(town: Town):
    for name, said in (
        ("plainly", "self.plainly is no transactional method, so it cannot be a step"),
        ("place", "self.place is no transactional method, so it cannot be a step"),
        ("bodies.get", "it is no step"),
        ("stock.count", "stock.count cannot be a step: a query changes nothing"),
        ("stock.dump", "stock.dump cannot be a step: it promises nothing about repeats"),
    ):

        async def body(self, run, name=name):
            await run.step(found(self, name), "a")

        assert said in await aborted(town, body)


def found(service, name: str):
    owner, _, method = name.rpartition(".")
    return getattr(getattr(service, owner) if owner else service, method)


async def test_what_is_no_undo(town: Town):
    for undo, said in (
        ("stock.count", "a query changes nothing"),
        ("stock.dump", "it promises nothing about repeats"),
        ("plainly", "self.plainly is no transactional method"),
        ("payments.refund", "payments.refund cannot undo stock.hold: a step is undone by the"),
    ):

        async def body(self, run, undo=undo):
            await run.step(self.stock.hold, "a").undo(found(self, undo), "a")

        assert said in await aborted(town, body)
    assert town.calls == []


@pytest.mark.long
async def test_functions_and_lambdas_are_no_steps(town: Town):
    async def function() -> None: ...

    async def body(self, run):
        await run.step(function)

    assert "it is no step" in await aborted(town, body)


async def test_arguments_that_cannot_travel(town: Town):
    for arguments in ((), ("a", 1, 2), (7,), (object(),), ("\ud800",)):

        async def do(self, run, arguments=arguments):
            await run.step(self.stock.hold, *arguments)

        async def undo(self, run, arguments=arguments):
            await run.step(self.stock.hold, "a").undo(self.stock.hold, *arguments)

        async def here(self, run, arguments=arguments):
            await run.step(self.confirm, *arguments)

        for body in (do, undo, here):
            assert "cannot be a step with these arguments: " in await aborted(town, body)
    assert town.calls == []


@pytest.mark.long
async def test_a_number_that_json_does_not_have(town: Town):
    async def body(self, run):
        await run.step(self.stock.hold_lines, [Line(sku="a")], float("nan"))

    assert "nan is no finite number" in await aborted(town, body)


async def test_arguments_of_a_mebibyte_are_refused_and_named(town: Town):
    async def body(self, run):
        await run.step(self.stock.hold, "x" * 1024 * 1024)

    assert f"which is {BODY_BYTES_MAX}. Keep what is large in a store" in await aborted(town, body)

    async def fits(self, run):
        await run.step(self.stock.hold, "x" * (BODY_BYTES_MAX - 100)).undo(self.stock.release, "x")
        return "done"

    assert await town.place(fits, "b") == "done"


async def test_a_saga_itself_is_given_less_than_a_mebibyte(town: Town):
    lines = [Line(sku="x" * 1024 * 1024)]
    with pytest.raises((ArgumentsRefused, CallFailed), match="are more than a saga may be given"):
        await town.finish(using(town.front, deadline=1000.0).place_lines("a", lines))
    assert await town.sagas_of() == []


async def test_a_saga_inside_a_transaction_is_refused(town: Town):
    with pytest.raises(CallFailed, match=CallInTransaction.__name__):
        await town.finish(town.front.place_in_unit("a"))
    assert await town.sagas_of() == []


async def test_a_command_outside_of_steps_is_refused(town: Town):
    for call in (
        lambda self: self.stock.hold("a"),
        lambda self: using(self.stock, key="k").hold("a"),
        lambda self: self.create("b"),
        lambda self: self.create_plainly("b"),
        lambda self: self.place("b"),
    ):

        async def body(self, run, call=call):
            await call(self)

        cause = await aborted(town, body)
        assert cause.startswith("CommandOutsideStep")
        assert "a saga calls commands in steps" in cause
        assert town.calls == []


async def test_an_endless_saga_ends(town: Town):
    async def body(self, run):
        while True:
            run.now()

    assert f"a saga has {STEPS_MAX} steps at most" in await aborted(town, body)


async def test_an_endless_saga_that_swallows_what_it_is_told_ends(town: Town):
    async def body(self, run):
        while True:
            try:
                await run.step(self.plainly, "a")
            except Exception:  # noqa: BLE001 - on purpose
                continue

    assert "self.plainly is no transactional method" in await aborted(town, body)


async def test_a_step_that_is_never_awaited(town: Town):
    async def body(self, run):
        run.step(self.stock.hold, "a")

    assert await aborted(town, body) == (
        "StepNotAwaited: made and never awaited: step hold. Await each."
    )


@pytest.mark.long
async def test_whatever_is_never_awaited_is_named(town: Town):
    async def body(self, run):
        run.sleep(timedelta(days=1))
        run.all(run.step(self.stock.hold, "a"), run.step(self.stock.hold, "b"))

    assert (await aborted(town, body)).startswith(
        "StepNotAwaited: made and never awaited: sleep, step hold, step hold, all."
    )


async def test_a_step_is_awaited_once(town: Town):
    async def body(self, run):
        step = run.step(self.stock.hold, "a").undo(self.stock.release, "a")
        await step
        await step

    assert "a step is awaited once" in await aborted(town, body)


@pytest.mark.long
async def test_one_step_twice_at_once(town: Town):
    async def body(self, run):
        step = run.step(self.stock.hold, "a").undo(self.stock.release, "a")
        await run.all(step, step)

    assert "a step is awaited once" in await aborted(town, body)


async def test_steps_in_tasks_are_refused(town: Town):
    async def body(self, run):
        async def hold(name):
            await run.step(self.stock.hold, name)

        await asyncio.gather(hold("a"), hold("b"))

    assert "Do steps at the same time by await run.all" in await aborted(town, body)


@pytest.mark.long
async def test_something_else_than_steps_at_once(town: Town):
    async def body(self, run):
        await run.all(run.sleep(timedelta(seconds=1)))

    assert "run.all takes steps made by run.step" in await aborted(town, body)


async def test_a_step_has_one_undo_or_is_the_pivot_and_says_so_before(town: Town):
    async def two_undos(self, run):
        step = run.step(self.stock.hold, "a").undo(self.stock.release, "a")
        await step.undo(self.stock.release, "a")

    async def both(self, run):
        await run.step(self.stock.hold, "a").undo(self.stock.release, "a").pivot()

    async def pivot_first(self, run):
        await run.step(self.stock.hold, "a").pivot().undo(self.stock.release, "a")

    async def late(self, run):
        step = run.step(self.create, "b")
        await step.undo(self.cancel, "b")
        step.undo(self.cancel, "b")

    async def late_pivot(self, run):
        step = run.step(self.create, "b")
        await step.undo(self.cancel, "b")
        step.pivot()

    for body in (two_undos, both, pivot_first):
        assert "StepRefused: a step has one undo" in await aborted(town, body)
    for body in (late, late_pivot):
        assert "was awaited already" in await aborted(town, body)


async def test_a_pause_without_an_end_that_can_be_told(town: Town):
    for when in (UNZONED, datetime.max.replace(tzinfo=UTC), timedelta.max, 5, None):

        async def body(self, run, when=when):
            await run.sleep(when)

        assert (await aborted(town, body)).startswith("StepRefused")


async def test_tags_are_short_texts(town: Town):
    for text in (7, None, "x" * 256, "\ud800"):

        async def body(self, run, text=text):
            run.tag(order=text)

        assert "tag order is" in await aborted(town, body)


async def test_a_reply_that_cannot_be_kept_undoes_the_saga(town: Town):
    async def whole(self, run):
        await run.step(self.create, "a").undo(self.cancel, "a")
        return object()

    with pytest.raises(SagaAborted, match="is no data"):
        await town.place(whole)
    assert await town.inventory() == NOTHING


@pytest.mark.parametrize(
    "method",
    ["def f(self, run): ...", "async def f(self): ...", "async def f(self, name: str): ..."],
)
def test_what_cannot_be_a_saga(method: str):
    scope: dict = {"Saga": Saga}
    exec(method, scope)
    with pytest.raises(InvalidService, match="cannot be given the run of a saga"):
        saga(scope["f"])
