"""Code that changes while sagas are under way: versions side by side, and what never is guessed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from outgrow import Saga, on, saga
from outgrow.contracts import Event
from outgrow.errors import InvalidService, SagaCodeMissing
from outgrow.sagas import codes_of
from tests.sagas.timing import later
from tests.sagas.timing.bookings import BookingsService
from tests.sagas.timing.village import Village

Run = Callable[..., Any]


async def test_a_saga_goes_on_with_the_code_under_which_it_began(village: Village) -> None:
    await village.begin("remind", "a", 60, key="k")
    await village.stop_and_start(later.Grown)
    await village.begin("remind", "b", 60, key="l")
    await village.pass_time(60.0)

    assert await village.notes("a") == ["reserved", "reminded"]
    assert await village.notes("b") == ["reserved anew", "reminded anew"]
    assert (await village.saga("k"))["version"] == 1
    assert (await village.saga("l"))["version"] == 2
    assert await village.answer("remind", "b", 60, key="l") == "anew b"


async def test_what_is_added_behind_the_end_of_what_was_done_is_done(village: Village) -> None:
    await village.begin("remind", "a", 60, key="k")
    await village.stop_and_start(later.Spread)
    await village.pass_time(60.0)
    assert await village.notes("a") == ["reserved", "reminded", "reminded again"]


async def test_a_start_without_the_code_of_sagas_under_way_is_refused(village: Village) -> None:
    for key in ("k", "l"):
        await village.begin("remind", key, 60, key=key)
    await village.stop()

    village.keeper = later.Shrunk
    with pytest.raises(SagaCodeMissing) as caught:
        await village.start()
    assert caught.value.missing == ["bookings.remind, version 1: 2"]
    assert "outgrow run --abandon" in str(caught.value)

    village.keeper = BookingsService
    await village.start()
    await village.pass_time(60.0)
    assert (await village.saga("k"))["state"] == "completed"  # Nothing was changed by that.


async def test_they_can_be_left_to_an_operator(village: Village) -> None:
    await village.begin("remind", "a", 60, key="k")
    await village.stop()
    village.keeper = later.Shrunk
    await village.start(is_abandoned=True)
    await village.pass_time(60.0)

    standing = await village.saga("k")
    assert standing["state"] == "stuck"
    assert "bookings.remind, version 1" in standing["error"]
    assert await village.answer("remind", "b", 60, key="l") == "anew b"
    assert await village.notes("a") == ["reserved"]

    await village.stop_and_start()  # It is known, so no start is refused for it again.
    await village.stop_and_start(BookingsService)
    await village.rows_changed("update outgrow_saga set state = 'running', due_at = started_at")
    village.sagas.keepings["bookings"].wake()
    await village.settle()  # With its code back, and an operator's word, it goes on.
    assert await village.notes("a") == ["reserved", "reminded"]


async def test_a_service_that_has_no_sagas_any_more_is_refused_too(village: Village) -> None:
    await village.begin("remind", "a", 60, key="k")
    await village.stop()
    village.keeper = _without_sagas()
    with pytest.raises(SagaCodeMissing, match="remind, version 1: 1"):
        await village.start()
    village.keeper = BookingsService
    await village.start()


async def test_what_ended_needs_no_code(village: Village) -> None:
    await village.answer("remind", "a", -1, key="k")
    await village.stop_and_start(later.Shrunk)
    assert await village.answer("remind", "a", -1, key="k") != "anew a"  # The reply of before.


async def test_a_process_leaves_alone_what_it_has_no_code_of(village: Village) -> None:
    """As one replica of before does, while others begin sagas of the next version."""
    await village.stop_and_start(later.Grown)
    for number in range(3):
        await village.begin("remind", f"n{number}", 60, key=str(number))
    await village.stop()

    village.keeper = BookingsService
    with pytest.raises(SagaCodeMissing):
        await village.start()
    await village.start_unchecked()
    await village.begin("remind", "a", 60, key="k")
    await village.pass_time(60.0)
    assert (await village.saga("k"))["state"] == "completed"
    for number in range(3):
        assert (await village.saga(str(number)))["state"] == "waiting"

    await village.stop_and_start(later.Grown)
    await village.settle()
    assert (await village.saga("0"))["state"] == "completed"


@pytest.mark.parametrize("changed", later.CHANGED, ids=lambda each: each.__name__)
async def test_other_code_is_stuck_and_nothing_is_guessed(
    village: Village, changed: type[BookingsService]
) -> None:
    await village.begin("remind", "a", 60, key="k")
    await village.stop_and_start(changed)
    await village.pass_time(60.0)

    standing = await village.saga("k")
    assert standing["state"] == "stuck"
    assert standing["error"].startswith("SagaDiverged: step ")
    assert "when the saga ran first, and the code asks for" in standing["error"]
    assert await village.notes("a") == ["reserved"]
    assert village.bookings.said == []
    assert len(await village.rows("select number from outgrow_step")) == 3

    await village.stop_and_start(BookingsService)
    assert (await village.saga("k"))["state"] == "stuck"  # Until an operator says so.
    await village.rows_changed("update outgrow_saga set state = 'running', due_at = started_at")
    village.sagas.keepings["bookings"].wake()
    await village.settle()
    assert await village.notes("a") == ["reserved", "reminded"]


async def test_the_message_shows_both(village: Village) -> None:
    await village.begin("remind", "a", 60, key="k")
    await village.stop_and_start(later.OtherArgument)
    await village.pass_time(60.0)
    error = (await village.saga("k"))["error"]
    assert 'step 1 was step bookings.note {"name":"a","said":"reserved"}, undone by' in error
    assert 'asks for step bookings.note {"name":"a","said":"booked"}, undone by' in error
    assert "@saga(version=...)" in error


async def test_arguments_that_do_not_fit_the_code_any_more(village: Village) -> None:
    await village.begin("remind", "a", 60, key="k")
    await village.rows_changed("""update outgrow_saga set arguments = '{"name": 7}'""")
    await village.pass_time(60.0)
    standing = await village.saga("k")
    assert standing["state"] == "stuck"
    assert "does not fit its method" in standing["error"]


def test_a_version_stands_once() -> None:
    class Twice(BookingsService):
        @saga(version=1, name="remind")
        async def remind_too(self, run: Saga, name: str, seconds: int) -> str:
            return name

    with pytest.raises(InvalidService, match="is version 1 of remind, as another"):
        codes_of(Twice)


def test_an_older_version_is_of_a_saga() -> None:
    class Nameless(BookingsService):
        @saga(version=1, name="forget")
        async def forget_as_before(self, run: Saga, name: str) -> str:
            return name

    with pytest.raises(InvalidService, match="a version of forget, which is no saga"):
        codes_of(Nameless)


def test_an_older_version_does_not_listen() -> None:
    class Heard(Event, key="name"):
        name: str

    class Listening(BookingsService):
        @saga(version=2)
        async def remind(self, run: Saga, name: str, seconds: int) -> str:
            return name

        @on(Heard)
        @saga(version=1, name="remind")
        async def remind_as_before(self, run: Saga, event: Heard) -> None:
            return None

    with pytest.raises(InvalidService, match="an older version of remind, and listens"):
        codes_of(Listening)


def test_what_events_begin_takes_the_event_alone() -> None:
    class Heard(Event, key="name"):
        name: str

    @saga
    async def more(self: object, run: Saga, event: Heard, name: str) -> None:
        return None

    with pytest.raises(InvalidService, match="cannot be given a run and an event"):
        on(Heard)(more)  # type: ignore[call-overload]


def _without_sagas() -> Any:
    sagas = [
        name for name, each in vars(BookingsService).items() if hasattr(each, "__outgrow_saga__")
    ]
    members = {"__module__": BookingsService.__module__, **dict.fromkeys(sagas, _plain)}
    return type("Plain", (BookingsService,), members)


async def _plain(self: object, *args: object) -> None:
    """No saga any more."""
