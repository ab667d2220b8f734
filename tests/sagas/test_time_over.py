"""Sagas whose time is over: none is tried again, whatever it was that went wrong."""

import pytest

from outgrow.errors import SagaAborted
from outgrow.journal import time_of
from tests.sagas.town import Town, lose

BUG = KeyError("a bug, no step of which could be asked for the time")


async def test_a_method_that_never_gets_on_is_undone_when_time_is_over(town: Town):
    runs = []

    async def body(self, run):
        runs.append(town.clock.now())
        await run.step(self.create, "a").undo(self.cancel, "a")
        raise BUG

    with pytest.raises(SagaAborted, match="its time was over. KeyError: 'a bug"):
        await town.place(body, command="place_soon")
    assert await town.inventory() == ([], [], [])
    ((deadline,),) = await town.rows("orders", "select deadline_at from outgrow_saga")
    assert max(runs) < time_of(deadline)


async def test_what_goes_wrong_when_time_is_over_already_is_not_tried_again(town: Town):
    async def body(self, run):
        await run.step(self.stock.hold, "a").undo(self.stock.release, "a")
        town.clock.advance(601)
        raise BUG

    with pytest.raises(SagaAborted, match="its time was over. KeyError: 'a bug"):
        await town.place(body, command="place_soon")
    assert town.orders.runs == 1
    assert await town.inventory() == ([], [], [])


async def test_behind_its_pivot_it_is_stuck_then_and_not_undone(town: Town):
    async def body(self, run):
        await run.step(self.stock.hold, "a").undo(self.stock.release, "a")
        await run.step(self.payments.charge, "a", 5).pivot()
        town.clock.advance(601)
        raise BUG

    is_undoing, error = await town.place_stuck(body)
    assert not is_undoing
    assert error.startswith("it cannot be undone behind its pivot, payments.charge, and met its")
    assert "KeyError" in error
    assert town.orders.runs == 1
    assert await town.inventory() == ([], [("a", 5)], [("a", 1)])


async def test_a_saga_with_nothing_to_undo_ends_with_its_time(town: Town):
    """Its method is not run again by what writes the end down."""
    runs = []

    async def body(self, run):
        runs.append(town.clock.now())
        await run.step(self.stock.hold, "a")

    town.ways["stock.hold"] = [lose] * 1000
    with pytest.raises(SagaAborted, match="its time was over"):
        await town.place(body, command="place_soon")
    ((deadline,),) = await town.rows("orders", "select deadline_at from outgrow_saga")
    assert max(runs) < time_of(deadline)
    assert await town.steps() == [(1, "stock.hold", "planned")]
