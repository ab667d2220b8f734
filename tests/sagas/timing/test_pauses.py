"""Sagas sleep: for a time, until a moment, through restarts; and go on when their time has come."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from outgrow.clock import ManualClock
from outgrow.errors import SagaAborted, StillRunning
from outgrow.sagas.driving import keeping
from tests.sagas.timing.village import Village, error_of

Run = Callable[..., Any]
DAY = 86_400.0


async def test_a_saga_sleeps_and_goes_on(village: Village, clock: ManualClock) -> None:
    began = clock.now()
    await village.begin("remind", "a", 3_600, key="k")
    standing = await village.saga("k")
    assert standing["state"] == "waiting"
    assert datetime.fromisoformat(standing["due_at"]) == began + timedelta(hours=1)

    await village.pass_time(3_599.9)
    assert (await village.saga("k"))["state"] == "waiting"
    await village.pass_time(0.1)
    assert await village.notes("a") == ["reserved", "reminded"]
    answer = await village.answer("remind", "a", 3_600, key="k")
    assert answer == f"a {(began + timedelta(hours=1)).isoformat()}"


async def test_it_takes_no_memory_meanwhile(village: Village) -> None:
    for number in range(20):
        await village.begin_only("remind", f"n{number}", 3_600, key=str(number))
    await village.settle()
    told = await village.sagas.statistics()
    assert told["bookings"]["waiting"] == 20
    assert told["bookings"]["worked_at_here"] == 0


async def test_what_it_saw_before_it_sees_again(village: Village, clock: ManualClock) -> None:
    began = clock.now()
    await village.begin("remind", "a", 60, key="k")
    await village.pass_time(60.0)
    assert village.bookings.moments == [began, began]
    assert village.bookings.said == ["a reserved", "a reminded"]


async def test_it_sleeps_through_a_restart(village: Village, clock: ManualClock) -> None:
    await village.begin("remind", "a", 3_600, key="k")
    await village.stop()
    clock.advance(7_200.0)  # Its time comes while nobody is there.
    await village.start()
    await village.settle()
    assert await village.notes("a") == ["reserved", "reminded"]
    assert (await village.saga("k"))["state"] == "completed"


async def test_it_sleeps_until_a_moment(village: Village, clock: ManualClock) -> None:
    when = clock.now() + timedelta(days=365)
    await village.begin("wake", "a", when, key="k")
    assert datetime.fromisoformat((await village.saga("k"))["due_at"]) == when
    await village.pass_time(365 * DAY)
    assert await village.answer("wake", "a", when, key="k") == "a"


async def test_a_moment_that_is_over_is_no_pause(village: Village, clock: ManualClock) -> None:
    when = clock.now() - timedelta(days=365)
    assert await village.answer("wake", "a", when, key="k") == "a"
    assert await village.answer("remind", "b", -5, key="l") == f"b {clock.now().isoformat()}"


async def test_a_pause_behind_the_sagas_own_time_is_refused_at_once(village: Village) -> None:
    error = await error_of(village.answer("remind", "a", 31 * 86_400, key="k"))
    assert isinstance(error, SagaAborted)
    assert "when the saga's time is over" in str(error)
    assert '@saga(deadline="30d")' in str(error)
    assert await village.notes("a") == []
    assert village.bookings.said == ["a reserved", "a erased"]


@pytest.mark.parametrize(
    "when",
    [datetime(2030, 1, 1), datetime(9999, 12, 31, tzinfo=UTC)],  # noqa: DTZ001 - that is it
    ids=["naive", "far"],
)
async def test_a_moment_that_cannot_be_meant_is_refused(village: Village, when: datetime) -> None:
    expected = "has no time zone" if when.tzinfo is None else "3660 days away"
    with pytest.raises(SagaAborted, match=expected):
        await village.bookings.wake("a", when)


async def test_time_that_is_over_while_it_sleeps_undoes_it(village: Village) -> None:
    await village.begin("rest", "a", 400, key="k")  # Twice, of ten minutes.
    await village.pass_time(400.0)
    error = await error_of(village.answer("rest", "a", 400, key="k"))
    assert isinstance(error, SagaAborted)
    assert await village.notes("a") == []


async def test_what_fails_is_tried_again_and_the_pause_is_no_retry(village: Village) -> None:
    await village.begin("remind", "a", 3_600, key="k")
    await village.begin("remind", "b", 7_200, key="l")
    village.bookings.trouble = [RuntimeError("not now"), RuntimeError("nor now")]
    await village.pass_time(3_600.0)
    assert await village.sagas.settle() == pytest.approx(0.1)
    standing = await village.saga("k")
    assert (standing["state"], standing["attempts"]) == ("running", 1)
    assert standing["error"] == "RuntimeError: not now"

    await village.settle_all()
    assert await village.sagas.settle() is None  # The other sleeps; time is not moved for that.
    assert await village.notes("a") == ["reserved", "reminded"]
    assert (await village.saga("k"))["error"] is None
    assert (await village.saga("l"))["state"] == "waiting"


async def test_many_that_are_due_at_once_all_go_on(village: Village) -> None:
    count = keeping.TAKEN_PER_TURN * 2 + 3
    for number in range(count):
        await village.begin_only("remind", f"n{number}", 60, key=str(number))
    await village.pass_time(60.0)
    rows = await village.rows("select state, count(*) from outgrow_saga group by 1")
    assert rows == [("completed", count)]


async def test_a_caller_who_waits_is_answered_when_it_wakes(
    village: Village, clock: ManualClock
) -> None:
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(village.answer("remind", "a", 30, key="k"))
        while not await village.rows("select id from outgrow_saga where state = 'waiting'"):
            await asyncio.wait([waiting], timeout=0.002)
        await village.pass_time(30.0)
    assert waiting.result().startswith("a ")


async def test_a_caller_whose_time_is_over_is_told(village: Village) -> None:
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(error_of(village.answer("remind", "a", 3_600, key="k")))
        while not await village.rows("select id from outgrow_saga where state = 'waiting'"):
            await asyncio.wait([waiting], timeout=0.002)
        await village.pass_time(59.95)
    error = waiting.result()
    assert isinstance(error, StillRunning)
    assert error.saga_id == (await village.saga("k"))["id"]


async def test_a_process_that_ends_lets_callers_of_sleeping_sagas_go(village: Village) -> None:
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(error_of(village.answer("remind", "a", 3_600, key="k")))
        while not await village.rows("select id from outgrow_saga where state = 'waiting'"):
            await asyncio.wait([waiting], timeout=0.002)
        village.sagas.drain()  # The clock stands still: nothing else ends the waiting.
    assert isinstance(waiting.result(), StillRunning)


async def test_what_ended_is_forgotten_a_day_later(village: Village) -> None:
    await village.answer("remind", "a", -1, key="k")
    await village.begin("remind", "b", 20 * 86_400, key="l")
    await village.pass_time(keeping.KEEP_SECONDS - 1.0)
    assert await village.answer("remind", "a", -1, key="k")
    assert await village.notes("a") == ["reserved", "reminded"]  # It joined.

    await village.pass_time(1.0)
    await village.pass_time(1.0)
    assert await village.rows("select key from outgrow_saga") == [("l",)]
    numbers = await village.rows("select distinct saga from outgrow_step")
    assert numbers == [((await village.saga("l"))["id"],)]


async def test_more_than_one_turn_can_forget_is_forgotten(
    village: Village, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "FORGOTTEN_PER_TURN", 2)
    for number in range(7):
        await village.answer("remind", f"n{number}", -1, key=str(number))
    await village.pass_time(keeping.KEEP_SECONDS + 1.0)
    await village.pass_time(1.0)
    assert await village.rows("select key from outgrow_saga") == []
    assert await village.rows("select saga from outgrow_step") == []
