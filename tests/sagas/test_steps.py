import asyncio
import re
import types

import pytest

from outgrow.calls import using
from outgrow.errors import KeyReused, SagaAborted
from tests.sagas.conftest import Run
from tests.sagas.orders import Sold
from tests.sagas.payments import Declined
from tests.sagas.stock import Full, Line
from tests.sagas.town import Town, both, double, lose, lose_reply


async def order(self, run):
    """The saga of a shop: two steps here and two elsewhere."""
    await run.step(self.create, "a").undo(self.cancel, "a")
    held = await run.step(self.stock.hold, "a", count=2).undo(self.stock.release, "a")
    paid = await run.step(self.payments.charge, "a", 5).undo(self.payments.refund, "a")
    return f"{await run.step(self.confirm, 'a')} {held} {paid}"


@types.coroutine
def let_others_run():
    """What ``asyncio.sleep(0)`` does."""
    yield


DONE = ([("a", "confirmed")], [("a", 5)], [("a", 2)])


@both
async def test_a_saga_ends_with_the_reply_of_its_method(town: Town):
    assert await town.place(order) == "confirmed a 2 5"
    assert await town.inventory() == DONE
    assert await town.sagas_of() == [("completed", 0, 0, None)]
    assert await town.steps() == [
        (1, "orders.create", "reply"),
        (2, "stock.hold", "reply"),
        (3, "payments.charge", "reply"),
        (4, "orders.confirm", "reply"),
    ]


@both
async def test_a_repeat_under_the_same_key_gets_the_first_reply(town: Town):
    assert await town.place(order, key="k") == "confirmed a 2 5"
    # Its first step would run into the row of the first run.
    assert await town.place(order, key="k") == "confirmed a 2 5"
    assert await town.inventory() == DONE
    assert len(await town.sagas_of()) == 1


async def test_repeats_at_once_are_one_saga(town: Town):
    town.orders.bodies["a"] = order
    client = using(town.front, key="k", deadline=1000.0)
    calls = asyncio.gather(*[client.place("a") for _ in range(20)])
    assert set(await town.finish(calls)) == {"confirmed a 2 5"}
    assert await town.inventory() == DONE


async def test_a_repeat_with_other_arguments_is_refused(town: Town):
    town.orders.bodies["b"] = order
    await town.place(order, key="k")
    with pytest.raises(KeyReused):
        await town.place(order, "b", key="k")


@pytest.mark.long
async def test_sagas_without_a_key_are_different_sagas(town: Town):
    async def body(self, run):
        return str(await run.step(self.stock.hold, "a").undo(self.stock.release, "a"))

    assert [await town.place(body) for _ in range(2)] == ["1", "2"]


@pytest.mark.parametrize("way", [lose, lose_reply, double], ids=lambda way: way.__name__)
async def test_a_step_has_its_effect_once_whatever_the_wire_does(town: Town, way):
    for step in ("stock.hold", "payments.charge"):
        town.ways[step] = [way, way]
    assert await town.place(order) == "confirmed a 2 5"
    assert await town.inventory() == DONE


async def test_each_attempt_at_a_step_has_one_key(town: Town):
    town.ways["stock.hold"] = [lose, lose_reply]
    await town.place(order)
    keys = [context.key for context in town.contexts if context.method == "stock.hold"]
    assert len(keys) == 3
    assert len(set(keys)) == 1


@pytest.mark.long
async def test_equal_steps_are_different_steps(town: Town):
    async def body(self, run):
        first = await run.step(self.stock.hold, "a").undo(self.stock.release, "a")
        second = await run.step(self.stock.hold, "a").undo(self.stock.release, "a")
        return f"{first} {second}"

    assert await town.place(body) == "1 2"


async def test_what_calls_in_steps_say_of_themselves(town: Town):
    await town.place(order)
    ((saga_id, correlation_id),) = await town.rows(
        "orders", "select id, correlation_id from outgrow_saga"
    )
    assert saga_id.startswith("orders-")
    assert {context.correlation_id for context in town.contexts} == {correlation_id}
    assert {context.via for context in town.contexts} == {"orders"}
    assert {context.undoes for context in town.contexts} == {""}
    assert [context.method for context in town.contexts] == ["stock.hold", "payments.charge"]


# Steps at the same time.


async def test_steps_at_the_same_time_reply_in_their_order(town: Town):
    async def body(self, run):
        told = await run.all(
            run.step(self.payments.charge, "a", 5).undo(self.payments.refund, "a"),
            run.step(self.create, "a").undo(self.cancel, "a"),
            run.step(self.stock.hold, "a", 3).undo(self.stock.release, "a"),
        )
        return str(told)

    assert await town.place(body) == "(5, 'a', 3)"


async def test_steps_at_the_same_time_are_under_way_at_once(town: Town):
    both_came = asyncio.Barrier(2)

    async def wait(call):
        await both_came.wait()
        return await call()

    async def body(self, run):
        await run.all(
            run.step(self.payments.charge, "a", 5).undo(self.payments.refund, "a"),
            run.step(self.stock.hold, "a").undo(self.stock.release, "a"),
        )
        return "done"

    town.ways = {"payments.charge": [wait], "stock.hold": [wait]}
    assert await town.place(body) == "done"


@both
async def test_a_problem_among_steps_at_once_is_raised_when_all_have_ended(town: Town):
    ended = []

    async def slow(call):
        for _ in range(50):
            await let_others_run()
        ended.append(await call())
        return ended[-1]

    async def body(self, run):
        await run.all(
            run.step(self.payments.charge, "a", 500).undo(self.payments.refund, "a"),
            run.step(self.stock.hold, "a").undo(self.stock.release, "a"),
            run.step(self.stock.hold, "b", 500).undo(self.stock.release, "b"),
        )
        raise AssertionError

    town.ways = {"stock.hold": [slow]}
    with pytest.raises(Declined):  # The first in the order of the steps.
        await town.place(body)
    assert ended == [1]
    assert await town.inventory() == ([], [], [])
    assert town.stock.did[-1] == "release a"
    assert town.payments.did == ["charge a"]  # A step that answered a problem has nothing to undo.


@pytest.mark.long
async def test_of_steps_at_once_only_those_are_repeated_that_failed(town: Town):
    async def body(self, run):
        told = await run.all(
            run.step(self.payments.charge, "a", 5).undo(self.payments.refund, "a"),
            run.step(self.create, "a").undo(self.cancel, "a"),
            run.step(self.stock.hold, "a", 3).undo(self.stock.release, "a"),
        )
        return str(told)

    town.ways = {"stock.hold": [lose, lose]}
    assert await town.place(body) == "(5, 'a', 3)"
    assert town.calls == ["payments.charge", *["stock.hold"] * 3]
    assert town.orders.did == ["create a"]


async def test_a_local_step_among_others_that_fails_is_done_later(town: Town):
    async def body(self, run):
        told = await run.all(
            run.step(self.create, "a").undo(self.cancel, "a"),
            run.step(self.stock.hold, "a", 3).undo(self.stock.release, "a"),
        )
        return str(told)

    town.orders.trouble["create"] = [OSError("not now"), OSError("not now")]
    assert await town.place(body) == "('a', 3)"
    assert await town.inventory() == ([("a", "new")], [], [("a", 3)])


@pytest.mark.long
async def test_no_steps_at_once_reply_nothing(town: Town):
    async def body(self, run):
        return str(await run.all())

    assert await town.place(body) == "()"


# Queries, moments and ids.


async def test_a_query_is_asked_once_and_written_down(town: Town):
    async def body(self, run):
        before = await self.stock.count("a")
        await run.step(self.stock.hold, "a").undo(self.stock.release, "a")
        return f"{before} {await self.stock.count('a')}"

    town.ways = {"stock.hold": [lose, lose]}
    assert await town.place(body) == "0 1"
    assert town.orders.runs == 3
    assert town.calls.count("stock.count") == 2
    assert [row[1] for row in await town.steps()] == ["stock.count", "stock.hold", "stock.count"]
    assert {c.key for c in town.contexts if c.method == "stock.count"} == {None}


async def test_a_replay_sees_the_same_ids_and_moments(town: Town):
    seen = []

    async def body(self, run):
        seen.append((run.id, run.new_id(), run.now(), run.new_id(), run.now()))
        await run.step(self.stock.hold, "a").undo(self.stock.release, "a")
        return "done"

    town.ways = {"stock.hold": [lose, lose]}
    await town.place(body)
    assert len(seen) == 3
    assert len(set(seen)) == 1
    _, first, began, second, _ = seen[0]
    assert first != second
    hexadecimal = r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
    assert re.fullmatch(hexadecimal, first)
    assert began.tzinfo is not None
    assert began < town.clock.now()


@pytest.mark.long
async def test_a_saga_is_found_by_its_tags(town: Town):
    async def body(self, run):
        run.tag(order="a", city="Ulm")
        await run.step(self.create, "a").undo(self.cancel, "a")
        run.tag(city="Bonn")
        return "done"

    await town.place(body)
    assert await town.rows("orders", "select tags from outgrow_saga") == [
        ('{"city":"Bonn","order":"a"}',)
    ]


# What its method does besides.


async def test_a_problem_that_is_caught_is_a_decision(town: Town):
    async def body(self, run):
        await run.step(self.create, "a").undo(self.cancel, "a")
        try:
            await run.step(self.payments.charge, "a", 500).undo(self.payments.refund, "a")
        except Declined as declined:
            await run.step(self.payments.charge, "a", declined.cents - 450).undo(
                self.payments.refund, "a"
            )
        return await run.step(self.confirm, "a")

    town.ways = {"payments.charge": [lose_reply, lose_reply, lose_reply]}
    assert await town.place(body) == "confirmed a"
    assert await town.inventory() == ([("a", "confirmed")], [("a", 50)], [])


async def test_a_problem_of_a_local_step_has_no_effect(town: Town):
    async def body(self, run):
        try:
            await run.step(self.reserve, "a").undo(self.cancel, "a")
        except Full:
            return "full"

    assert await town.place(body) == "full"
    assert await town.inventory() == ([], [], [])
    assert await town.steps() == [(1, "orders.reserve", "problem")]


async def test_a_saga_may_wait_for_something_of_its_own(town: Town):
    async def body(self, run):
        await let_others_run()
        await run.step(self.create, "a").undo(self.cancel, "a")
        async with asyncio.timeout(60):
            await asyncio.gather(let_others_run(), let_others_run())
        await run.step(self.stock.hold, "a").undo(self.stock.release, "a")
        await let_others_run()
        return await run.step(self.confirm, "a")

    assert await town.place(body) == "confirmed a"


async def test_a_saga_without_steps_ends_at_once(town: Town):
    async def body(self, run):
        return "nothing"

    assert await town.place(body, key="k") == "nothing"
    assert await town.place(body, key="k") == "nothing"
    assert await town.sagas_of() == [("completed", 0, 0, None)]
    assert town.orders.runs == 2  # The repeat ran, and found the first.


@pytest.mark.long
async def test_records_and_numbers_are_the_same_after_a_replay(town: Town):
    seen = []

    async def body(self, run):
        lines = await run.step(self.stock.hold_lines, [Line(sku="x", count=2)], 0.1)
        seen.append(lines)
        await run.step(self.stock.hold, "a").undo(self.stock.release, "a")
        return "done"

    town.ways = {"stock.hold": [lose]}
    await town.place(body)
    assert seen == [[Line(sku="x", count=2)]] * 2


@pytest.mark.long
async def test_arguments_of_a_saga_are_those_of_its_first_run(town: Town):
    town.ways = {"stock.hold_lines": [lose, lose_reply]}
    lines = [Line(sku="x", count=2), Line(sku="y", count=3)]
    call = using(town.front, deadline=1000.0).place_lines("a", lines, weight=0.5)
    assert await town.finish(call) == 5
    kept = await town.rows("stock", "select count(*), min(state) from outgrow_inbox")
    assert kept == [(1, "reply")]


@both
async def test_a_saga_goes_on_after_a_restart(run_town: Run):
    came = asyncio.Event()

    async def come(call):
        came.set()
        return await lose_reply(call)

    async with run_town() as town:
        town.ways = {"payments.charge": [come, *[lose_reply] * 100]}
        town.orders.bodies["a"] = order
        async with asyncio.TaskGroup() as group:
            calling = group.create_task(using(town.front, key="k").place("a"))
            await came.wait()
            await town.settle()
            calling.cancel()
    async with run_town() as town:
        assert await town.place(order, key="k") == "confirmed a 2 5"
        assert await town.inventory() == DONE
        assert town.stock.did == []
        assert await town.sagas_of() == [("completed", 0, 0, None)]


async def test_a_problem_that_nobody_declared_aborts_the_saga(town: Town):
    async def body(self, run):
        await run.step(self.create, "a").undo(self.cancel, "a")
        raise Sold(name="a")

    for _ in range(2):
        with pytest.raises(SagaAborted, match=r"was undone: Sold: a is sold\.") as caught:
            await town.place(body, key="k")
        assert caught.value.cause == "Sold: a is sold."
    assert await town.inventory() == ([], [], [])
