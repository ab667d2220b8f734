import pytest

from outgrow.errors import SagaAborted
from outgrow.sagas.driving.engine import UNDO_ATTEMPTS_MAX
from tests.sagas.payments import Declined
from tests.sagas.stock import Full
from tests.sagas.town import Town, both, double, lose, lose_reply

NOTHING = ([], [], [])


async def too_dear(self, run):
    """What is done is undone, because the last step is refused."""
    await run.step(self.create, "a").undo(self.cancel, "a")
    await run.step(self.stock.hold, "a", 2).undo(self.stock.release, "a")
    await run.step(self.stock.hold, "b").undo(self.stock.release, "b")
    await run.step(self.payments.charge, "a", 500).undo(self.payments.refund, "a")


def did(town: Town) -> list[str]:
    return town.orders.did + town.stock.did + town.payments.did


@both
async def test_a_declared_problem_is_the_reply_after_the_undos(town: Town):
    for _ in range(2):
        with pytest.raises(Declined) as caught:
            await town.place(too_dear, key="k")
        assert caught.value.cents == 500
    assert await town.inventory() == NOTHING
    assert town.stock.did == ["hold a", "hold b", "release b", "release a"]
    assert await town.sagas_of() == [("undone", 1, 0, None)]
    assert [state for _, _, state in await town.steps()] == [*["undone"] * 3, "problem"]


async def test_a_problem_of_a_local_last_step_undoes_the_steps_before(town: Town):
    async def body(self, run):
        await run.step(self.stock.hold, "a", 2).undo(self.stock.release, "a")
        await run.step(self.reserve, "a").undo(self.cancel, "a")

    with pytest.raises(Full):
        await town.place(body)
    assert await town.inventory() == NOTHING
    assert "cancel a" not in town.orders.did


@pytest.mark.parametrize("way", [lose, lose_reply, double], ids=lambda way: way.__name__)
async def test_an_undo_has_its_effect_once_whatever_the_wire_does(town: Town, way):
    town.ways = {"stock.release": [way, way, way]}
    with pytest.raises(Declined):
        await town.place(too_dear)
    assert await town.inventory() == NOTHING
    keys = [context.key for context in town.contexts if context.method == "stock.release"]
    assert len(set(keys)) == 2
    assert {c.undoes for c in town.contexts} == {""}  # It is known what was done.


@pytest.mark.long
async def test_an_undo_that_fails_is_tried_until_it_succeeds(town: Town):
    town.stock.trouble["release"] = [OSError("not now")] * (UNDO_ATTEMPTS_MAX - 1)
    town.orders.trouble["cancel"] = [OSError("not now")] * (UNDO_ATTEMPTS_MAX - 1)
    with pytest.raises(Declined):
        await town.place(too_dear)
    assert await town.inventory() == NOTHING


@pytest.mark.parametrize("where", ["stock", "orders"])
async def test_a_saga_whose_undo_never_succeeds_is_stuck(town: Town, where: str):
    undo = {"stock": "release", "orders": "cancel"}[where]
    service = {"stock": town.stock, "orders": town.orders}[where]
    service.trouble[undo] = [OSError("not today")] * 1000
    is_undoing, error = await town.place_stuck(too_dear)
    assert is_undoing
    assert error.endswith("not today")
    assert len(service.trouble[undo]) == 1000 - UNDO_ATTEMPTS_MAX
    assert (await town.sagas.statistics())["orders"]["stuck"] == 1


@pytest.mark.long
async def test_a_problem_of_an_undo_is_a_failure_of_it(town: Town):
    town.stock.trouble["release"] = [Full(name="x")]
    with pytest.raises(Declined):
        await town.place(too_dear)
    assert await town.inventory() == NOTHING


async def expire(town: Town, body, *ways):
    """Let the saga do *body* until its time is over."""
    with pytest.raises(SagaAborted) as caught:
        await town.place(body, command="place_soon")
    return caught.value.cause


async def test_a_step_that_never_answers_is_undone_when_time_is_over(town: Town):
    async def body(self, run):
        await run.step(self.create, "a").undo(self.cancel, "a")
        await run.step(self.stock.hold, "a").undo(self.stock.release, "a")

    town.ways = {"stock.hold": [lose_reply, *[lose] * 1000]}
    assert "its time was over. ServiceUnreachable: wire: the call was lost" in await expire(
        town, body
    )
    assert await town.inventory() == NOTHING
    assert town.stock.did == ["hold a", "release a"]
    assert town.contexts[-1].undoes == f"stock.hold {town.contexts[0].key}"


@both
async def test_an_undo_of_a_step_that_never_came_has_no_effect_and_the_step_none_any_more(
    town: Town,
):
    late = []

    async def body(self, run):
        await run.step(self.stock.hold, "a").undo(self.stock.release, "a")

    async def hold_back(call):
        late.append(call)
        return await lose(call)

    await town.stock.hold("a", 7)  # Somebody else's, which an undo would take away.
    town.ways = {"stock.hold": [hold_back, *[lose] * 1000], "stock.release": [lose_reply]}
    await expire(town, body)
    assert town.stock.did == ["hold a"]
    assert await town.inventory() == ([], [], [("a", 7)])
    with pytest.raises(Exception, match="was undone before it came"):
        await late[0]()
    assert await town.inventory() == ([], [], [("a", 7)])


async def test_a_plain_step_that_may_be_under_way_is_not_passed_over(town: Town):
    async def body(self, run):
        await run.step(self.stock.plain, "a").undo(self.stock.release, "a")

    town.ways = {"stock.plain": [lose] * 1000}
    is_undoing, error = await town.place_stuck(body)
    assert is_undoing
    assert "Mark stock.plain @transactional" in error
    assert town.stock.did == []


async def test_a_plain_command_does_not_undo_what_may_come_yet(town: Town):
    async def body(self, run):
        await run.step(self.stock.hold, "a").undo(self.stock.plain, "a")

    town.ways = {"stock.hold": [lose] * 1000}
    is_undoing, error = await town.place_stuck(body)
    assert is_undoing
    assert "cannot undo stock.hold" in error
    assert town.stock.did == []


@pytest.mark.long
async def test_what_a_step_refused_is_not_undone(town: Town):
    async def body(self, run):
        await run.step(self.stock.hold, "a", 500).undo(self.stock.release, "a")

    town.ways = {"stock.hold": [lose_reply, *[lose] * 1000]}
    await expire(town, body)
    assert town.stock.did == ["hold a"]


@pytest.mark.long
async def test_a_late_reply_is_worth_nothing_once_the_time_is_over(town: Town):
    """The step answers in the end; but the saga is undone already, so the step is too."""

    async def body(self, run):
        await run.step(self.create, "a").undo(self.cancel, "a")
        await run.step(self.payments.charge, "a", 5).undo(self.payments.refund, "a")
        return await run.step(self.confirm, "a")

    async def come_late(call):
        town.clock.advance(700)
        return await lose_reply(call)

    town.ways = {"payments.charge": [come_late]}
    await expire(town, body)
    assert await town.inventory() == NOTHING


async def test_a_local_step_that_fails_for_ever_is_undone_in_the_end(town: Town):
    async def body(self, run):
        await run.step(self.stock.hold, "a").undo(self.stock.release, "a")
        await run.step(self.create, "a").undo(self.cancel, "a")

    town.orders.trouble["create"] = [OSError("not today")] * 1000
    assert (await expire(town, body)).endswith("OSError: not today")
    assert await town.inventory() == NOTHING
    assert "cancel a" not in town.orders.did  # It was never done.


@pytest.mark.long
async def test_a_step_with_neither_undo_nor_pivot_is_left_as_it_is(town: Town):
    async def body(self, run):
        await run.step(self.stock.hold, "a")
        await run.step(self.payments.charge, "a", 500)

    with pytest.raises(Declined):
        await town.place(body)
    assert await town.inventory() == ([], [], [("a", 1)])


# Pivots.


async def test_before_its_pivot_a_saga_is_undone(town: Town):
    async def body(self, run):
        await run.step(self.stock.hold, "a").undo(self.stock.release, "a")
        await run.step(self.payments.charge, "a", 500).pivot()

    with pytest.raises(Declined):
        await town.place(body)
    assert await town.inventory() == NOTHING


async def test_behind_its_pivot_a_saga_goes_on_until_it_succeeds(town: Town):
    async def body(self, run):
        await run.step(self.stock.hold, "a").undo(self.stock.release, "a")
        await run.step(self.payments.charge, "a", 5).pivot()
        await run.step(self.create, "a")
        return await run.step(self.confirm, "a")

    town.orders.trouble = {"create": [OSError()] * 5, "confirm": [OSError()] * 5}
    assert await town.place(body) == "confirmed a"


@pytest.mark.parametrize("reason", ["problem", "time"])
async def test_behind_its_pivot_a_saga_is_stuck_and_not_undone(town: Town, reason: str):
    async def body(self, run):
        await run.step(self.stock.hold, "a").undo(self.stock.release, "a")
        await run.step(self.payments.charge, "a", 5).pivot()
        await run.step(self.stock.hold, "b", 500).undo(self.stock.release, "b")

    if reason == "time":
        town.ways = {"stock.hold": [lambda call: call(), *[lose] * 1000]}
    is_undoing, error = await town.place_stuck(body)
    assert not is_undoing
    assert error.startswith("it cannot be undone behind its pivot, payments.charge, and met")
    assert await town.inventory() == ([], [("a", 5)], [("a", 1)])


@pytest.mark.parametrize("is_done", [True, False])
async def test_a_pivot_of_which_nobody_knows_is_not_undone(town: Town, is_done: bool):
    async def body(self, run):
        await run.step(self.stock.hold, "a").undo(self.stock.release, "a")
        await run.step(self.payments.charge, "a", 5).pivot()

    town.ways = {"payments.charge": [lose_reply if is_done else lose, *[lose] * 1000]}
    _, error = await town.place_stuck(body)
    assert error.startswith("nobody knows whether its pivot, payments.charge, was done")
    assert await town.inventory() == ([], [("a", 5)] if is_done else [], [("a", 1)])


@pytest.mark.long
async def test_a_pivot_of_the_services_own_that_was_not_done_lets_the_saga_be_undone(town: Town):
    async def body(self, run):
        await run.step(self.stock.hold, "a").undo(self.stock.release, "a")
        await run.step(self.create, "a").pivot()

    town.orders.trouble["create"] = [OSError("not today")] * 1000
    await expire(town, body)
    assert await town.inventory() == NOTHING


# Old steps: the other side remembers keys for a day.


async def test_a_step_without_answer_is_undone_before_its_key_is_forgotten(town: Town):
    async def body(self, run):
        await run.step(self.stock.hold, "a").undo(self.stock.release, "a")

    async def pass_time(call):
        town.clock.advance(23 * 3600)
        return await lose_reply(call)

    town.ways = {"stock.hold": [pass_time, *[lose] * 10_000]}
    with pytest.raises(SagaAborted, match="stock.hold had no answer for 23 hours"):
        await town.place(body)
    assert await town.inventory() == NOTHING


@pytest.mark.parametrize("is_undoing", [False, True])
async def test_a_step_that_is_too_old_is_left_to_an_operator(town: Town, is_undoing: bool):
    async def body(self, run):
        await run.step(self.stock.hold, "a").undo(self.stock.release, "a")

    async def sleep_long(call):
        town.clock.advance(86_395 if not is_undoing else 601)
        return await lose(call)

    async def undo_late(call):
        town.clock.advance(86_395)
        return await lose(call)

    town.ways = {"stock.hold": [sleep_long], "stock.release": [undo_late]}
    command = "place_soon" if is_undoing else "place"
    undoing, error = await town.place_stuck(body, command=command)
    assert undoing == is_undoing
    told = "nobody remembers any more" if is_undoing else "older than the other side remembers"
    assert told in error
