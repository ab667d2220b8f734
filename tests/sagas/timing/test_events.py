"""Events begin sagas, and let sagas go on that wait for them."""

from __future__ import annotations

from tests.sagas.timing.village import Village


async def test_an_event_begins_a_saga(village: Village) -> None:
    await village.till.pay("a", 7)
    await village.settle()

    assert await village.notes("a") == ["thanked"]
    rows = await village.rows("select method, state, scope, epoch from outgrow_saga")
    assert rows == [("bookings.thank", "completed", "system:outgrow", 1)]


async def test_a_saga_hears_what_it_waits_for(village: Village) -> None:
    await village.begin("sell", "a", key="k")
    assert (await village.saga("k"))["state"] == "waiting"

    await village.till.pay("b", 1)
    await village.settle()
    assert (await village.saga("k"))["state"] == "waiting"

    await village.till.pay("a", 7)
    await village.settle()
    assert await village.answer("sell", "a", key="k") == 7
    assert sorted(await village.notes("a")) == ["paid 7", "reserved", "thanked"]
