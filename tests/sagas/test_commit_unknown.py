"""Nobody knows whether a unit of several steps at once was committed: it is read again."""

import itertools

import pytest

from outgrow.errors import CallFailed
from tests.sagas.test_failures import WAYS, Trouble
from tests.sagas.town import Town


@pytest.mark.parametrize(("other", "units"), [("orders", 4), ("stock", 3)])
async def test_steps_at_once_are_done_whatever_becomes_of_a_unit(
    town: Town, other: str, units: int
):
    """What is written down as done has its effect, which happened once."""
    ways = list(itertools.product(WAYS, range(1, units + 1)))
    for number, (what, nth) in enumerate(ways, 10):
        name, trouble = f"a{number}", Trouble(town, nth, what)

        async def body(self, run, name=name):
            first = run.step(self.create, name).undo(self.cancel, name)
            if other == "orders":
                second = run.step(self.create, f"b{name}").undo(self.cancel, f"b{name}")
            else:
                second = run.step(self.stock.hold, name).undo(self.stock.release, name)
            third = run.step(self.payments.charge, name, 5).undo(self.payments.refund, name)
            await run.all(first, second, third)
            return await run.step(self.confirm, name)

        for _ in range(2):  # Of the first unit nobody knows whether a saga has begun.
            try:
                assert await town.place(body, name, key=name) == f"confirmed {name}"
                break
            except CallFailed:
                assert nth == 1
        town.stores["orders"].transact = trouble._transact
        assert trouble.has_happened
        orders, charges, held = await town.inventory()
        assert (name, "confirmed") in orders
        assert charges[-1] == (name, 5)
        assert (f"b{name}", "new") in orders if other == "orders" else held[-1] == (name, 1)
    assert {state for state, _, _, _ in await town.sagas_of()} == {"completed"}


@pytest.mark.parametrize("what", ["commits", "is lost"])
async def test_who_does_not_lead_takes_up_what_it_has_lost_itself(
    town: Town, monkeypatch: pytest.MonkeyPatch, what: str
):
    """Another process cannot see it: its holder lives."""
    monkeypatch.setattr(town.sagas.keepings["orders"]._replica, "leads", lambda: False)
    trouble = Trouble(town, 2, what)

    async def body(self, run):
        await run.step(self.create, "a").undo(self.cancel, "a")
        await run.step(self.payments.charge, "a", 5).undo(self.payments.refund, "a")
        return await run.step(self.confirm, "a")

    assert await town.place(body, key="k") == "confirmed a"
    assert trouble.has_happened
    assert await town.inventory() == ([("a", "confirmed")], [("a", 5)], [])


async def test_what_was_perhaps_not_committed_is_undone_once_it_is_known(town: Town):
    for number, what in enumerate(("commits", "is lost"), 10):
        name, trouble = f"a{number}", Trouble(town, 2, what)

        async def body(self, run, name=name):
            await run.all(
                run.step(self.create, name).undo(self.cancel, name),
                run.step(self.payments.charge, name, 500).undo(self.payments.refund, name),
            )

        with pytest.raises(Exception, match="too much for"):
            await town.place(body, name, key=name)
        town.stores["orders"].transact = trouble._transact
        assert trouble.has_happened
        assert town.orders.did[-1] == f"cancel {name}"
    assert await town.inventory() == ([], [], [])
