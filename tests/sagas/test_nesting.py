"""A saga whose step is a saga of another service."""

import asyncio
from datetime import timedelta

import pytest

from outgrow.errors import SagaAborted
from tests.sagas.stock import Full
from tests.sagas.town import Town, both, lose, lose_reply


async def move(self, run):
    await run.step(self.create, "a").undo(self.cancel, "a")
    return await run.step(self.stock.move, "a", "shelf").undo(self.stock.move_back, "a")


async def refused(self, run):
    await run.step(self.stock.move, "a", "shelf").undo(self.stock.move_back, "a")
    await run.step(self.payments.charge, "a", 500)


async def moved(town: Town):
    return await town.rows("stock", "select name, place from moved")


@pytest.mark.parametrize("way", [None, lose, lose_reply])
async def test_a_step_may_be_a_saga(town: Town, way):
    town.ways["stock.move"] = [way, way] if way else []
    assert await town.place(move) == "shelf"
    assert await moved(town) == [("a", "shelf")]
    assert [row[0] for row in await town.sagas_of("stock")] == ["completed"]


async def test_a_problem_of_the_inner_saga_undoes_the_outer(town: Town):
    async def body(self, run):
        await run.step(self.create, "a").undo(self.cancel, "a")
        await run.step(self.stock.move, "a", "nowhere").undo(self.stock.move_back, "a")

    with pytest.raises(Full):
        await town.place(body)
    assert await town.inventory() == ([], [], [])
    assert await moved(town) == []


async def test_an_inner_saga_that_is_done_is_undone(town: Town):
    with pytest.raises(Exception, match="500 are too much"):
        await town.place(refused)
    assert await moved(town) == []
    assert town.stock.did[-1] == "move_back a"


@both
@pytest.mark.parametrize("is_done", [True, False])
async def test_an_inner_saga_of_which_nobody_knows(town: Town, is_done: bool):
    late = []

    async def hold_back(call):
        late.append(call)
        return await (lose_reply if is_done else lose)(call)

    town.ways["stock.move"] = [hold_back, *[lose] * 1000]
    with pytest.raises(SagaAborted):
        await town.place(move, command="place_soon")
    assert await moved(town) == []
    assert ("move_back a" in town.stock.did) == is_done
    if not is_done:
        with pytest.raises(Exception, match="was undone before it came"):
            await town.finish(late[0]())
        assert await moved(town) == []
        assert await town.sagas_of("stock") == []


@pytest.mark.long
async def test_the_undo_waits_for_an_inner_saga_that_goes_on(town: Town):
    began = asyncio.Event()

    async def pause(run):
        began.set()
        await run.sleep(timedelta(minutes=12))

    async def arrive(call):
        async with asyncio.TaskGroup() as group:
            calling = group.create_task(call())
            await began.wait()
            while not await town.sagas_of("stock"):
                await asyncio.wait([calling], timeout=0.005)
            calling.cancel()
        return await lose(call)

    town.stock.bodies["a"] = pause
    town.ways["stock.move"] = [arrive, *[lose] * 1000]
    began_at = town.clock.monotonic()
    with pytest.raises(SagaAborted):
        await town.place(move, command="place_soon")
    assert town.clock.monotonic() > began_at + 12 * 60
    assert town.stock.did == ["put a", "move_back a"]
    assert await moved(town) == []


async def test_an_undo_may_be_a_saga(town: Town):
    async def body(self, run):
        await run.step(self.stock.hold, "a").undo(self.stock.release_slowly, "a")
        await run.step(self.payments.charge, "a", 500)

    with pytest.raises(Exception, match="500 are too much"):
        await town.place(body)
    assert await town.inventory() == ([], [], [])
    assert town.stock.did == ["hold a", "take_out a"]


@pytest.mark.long
@pytest.mark.parametrize("is_done", [True, False])
async def test_an_undo_that_is_a_saga_has_no_effect_if_the_step_had_none(town: Town, is_done: bool):
    async def body(self, run):
        await run.step(self.stock.hold, "a").undo(self.stock.release_slowly, "a")

    town.ways["stock.hold"] = [lose_reply if is_done else lose, *[lose] * 1000]
    town.ways["stock.release_slowly"] = [lose_reply, lose_reply]
    with pytest.raises(SagaAborted):
        await town.place(body, command="place_soon")
    assert await town.inventory() == ([], [], [])
    assert ("take_out a" in town.stock.did) == is_done
