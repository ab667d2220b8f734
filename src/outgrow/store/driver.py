"""Advancing a unit of work, which may wait for its transaction and for nothing else."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import types
from collections.abc import Awaitable, Callable, Coroutine, Generator
from pathlib import Path
from typing import Any, TypeVar

from outgrow.errors import TransactionClosed, UnitError, WaitedInTransaction
from outgrow.store.threads import Patience

T = TypeVar("T")

_NOT_THE_USERS = (
    f"{Path(asyncio.__file__).parent}{os.sep}",
    f"{Path(__file__).parent.parent}{os.sep}",
)
REFUSALS_MAX = 1


class Operation:
    """
    What a transaction yields to its driver if it cannot answer at once.

    Attributes:
        start: Begins the work and returns a future that cannot be cancelled.
    """

    __slots__ = ("start",)

    def __init__(self, start: Callable[[], asyncio.Future[Any]]) -> None:
        self.start = start

    def __await__(self) -> Generator[Operation, Any, Any]:
        return (yield self)

    def perform(self, course: Course) -> Generator[Any, Any, Any]:
        """Carry it out in the task of *course*, whose cancellation waits meanwhile."""
        return outlast(course, self.start())


class Course:
    """
    How a unit of work is going.

    Attributes:
        is_running: Whether its code is being advanced right now. Nothing else runs meanwhile, so
            whoever asks while it is true is inside of the unit.
        poison: Why it cannot be committed any more, even if its code goes on.
        cancelled: Its caller's cancellation, which waits until the unit has ended.
    """

    is_running = False
    poison: UnitError | None = None
    cancelled: asyncio.CancelledError | None = None

    def __init__(self) -> None:
        self._cancels_before = _count_cancels()

    def keep(self, cancelled: asyncio.CancelledError) -> None:
        """Keep a cancellation of the caller's task for later."""
        self.cancelled = cancelled
        # It may have been asked for before the course began, and come only now.
        self._cancels_before = min(self._cancels_before, _count_cancels() - 1)

    @property
    def is_cancelled(self) -> bool:
        """Whether one is kept that was not taken back meanwhile, as ``asyncio.timeout`` does."""
        return self.cancelled is not None and _count_cancels() > self._cancels_before

    def check(self) -> None:
        """
        Refuse an operation from outside of the unit, or in one that is lost.

        Raises:
            TransactionClosed: The unit is over, or another task asks.

            UnitError: What poisoned the unit.
        """
        if not self.is_running:
            message = (
                "a transaction was used outside of its unit of work. It belongs to the call that "
                "it was handed to: do not keep it, and do not hand it to another task."
            )
            raise TransactionClosed(message)
        if self.poison is not None:
            raise self.poison


@types.coroutine
def drive(
    course: Course,
    coroutine: Coroutine[Any, Any, Any],
    run: Callable[..., Any] | None = None,
    host: Course | None = None,
) -> Generator[Any, Any, Any]:
    """
    Advance *coroutine* to its end.

    Its transaction's operations are carried out; any other await is refused, and poisons the
    unit, so that swallowing the refusal cannot commit it.

    Args:
        course: Told how it is going.
        coroutine: The unit of work.
        run: How to call a function in the unit's own context variables, if they are not current.
        host: Whose task it runs in and who keeps that one's cancellation, if not *course*.

    Raises:
        UnitError: The unit was poisoned.
    """
    step: Callable[..., Any] = coroutine.send
    given: Any = None
    refusals = 0
    while True:
        course.is_running = True
        try:
            signal = step(given) if run is None else run(step, given)
        except StopIteration as stop:
            if course.poison is not None:
                raise course.poison from None
            return stop.value
        finally:
            course.is_running = False
        if isinstance(signal, Operation):
            step, given = yield from _carry_out(host or course, coroutine, signal)
            continue
        if refusals >= REFUSALS_MAX:
            _abandon(course, coroutine)
        refusals += 1
        step, given = coroutine.throw, _refusal(course, coroutine, signal)


@types.coroutine
def outlast(course: Course, future: asyncio.Future[Any]) -> Generator[Any, Any, Any]:
    """
    Wait for *future*, which cannot be cancelled, and return its result.

    A cancellation that comes meanwhile is kept in *course* for later.
    """
    while not future.done():
        try:
            yield from future
        except asyncio.CancelledError as error:
            course.keep(error)
        except BaseException:  # noqa: BLE001 - it is the future's own, and is raised below
            break
    return future.result()


@types.coroutine
def shield(
    course: Course, coroutine: Coroutine[Any, Any, T], seconds_max: float | None = None
) -> Generator[Any, Any, T]:
    """
    Run *coroutine* to its end in the current task, and return its result.

    What it waits for is cancelled by nothing but *seconds_max*; a cancellation of the task that
    comes meanwhile is kept in *course*.

    Raises:
        TimeoutError: It took longer than *seconds_max*.
    """
    limit = Limit(seconds_max)
    try:
        while True:
            try:
                limit.waited_for = coroutine.send(None)
            except StopIteration as stop:
                return stop.value  # type: ignore[no-any-return]
            except asyncio.CancelledError as error:
                raise TimeoutError from error  # Nothing else cancels it.
            yield from outlast(course, _end_of(limit.waited_for))
    finally:
        limit.end()


class Limit:
    """Cancels what is waited for when it is time."""

    __slots__ = ("_timer", "waited_for")

    def __init__(self, seconds: float | None) -> None:
        self.waited_for: asyncio.Future[Any] | None = None
        self._timer: asyncio.TimerHandle | None = None
        if seconds is not None:
            self._timer = asyncio.get_running_loop().call_later(seconds, self._expire)

    def end(self) -> None:
        """It has ended in time."""
        if self._timer is not None:
            self._timer.cancel()

    def _expire(self) -> None:
        if self.waited_for is not None:
            self.waited_for.cancel()


def _end_of(waited_for: asyncio.Future[Any] | None) -> asyncio.Future[None]:
    """A future that cannot be cancelled and is done as soon as *waited_for* is."""
    loop = asyncio.get_running_loop()
    end = Patience(loop=loop)
    if waited_for is None:  # It only lets others run.
        loop.call_soon(end.set_result, None)
    else:
        waited_for._asyncio_future_blocking = False  # noqa: SLF001 - the protocol of asyncio
        waited_for.add_done_callback(lambda _: end.set_result(None))
    return end


def _carry_out(
    host: Course, coroutine: Coroutine[Any, Any, Any], operation: Operation
) -> Generator[Any, Any, tuple[Callable[..., Any], Any]]:
    try:
        result = yield from operation.perform(host)
    except Exception as error:  # noqa: BLE001 - the unit gets it
        return coroutine.throw, error
    return coroutine.send, result


if sys.version_info >= (3, 12):
    _running_task = asyncio.current_task
else:
    # Before 3.12 the public function is Python, and takes a while for each unit of work.
    _running_task = asyncio.tasks._current_tasks.get  # type: ignore[attr-defined]  # noqa: SLF001


def _count_cancels() -> int:
    """How many cancellations of the current task were asked for and not taken back."""
    task = _running_task(asyncio.get_running_loop())
    return 0 if task is None else task.cancelling()


def _refusal(
    course: Course, coroutine: Coroutine[Any, Any, Any], signal: Any
) -> WaitedInTransaction:
    if hasattr(signal, "_asyncio_future_blocking"):
        signal._asyncio_future_blocking = False  # noqa: SLF001 - the protocol of asyncio's futures
    error = WaitedInTransaction(_place_of_await(coroutine))
    course.poison = course.poison or error
    return error


def _abandon(course: Course, coroutine: Coroutine[Any, Any, Any]) -> None:
    """End a unit that swallows refusals and waits again, perhaps for ever."""
    assert course.poison is not None
    with contextlib.suppress(RuntimeError):  # It even waits when told to end; it is left so.
        coroutine.close()
    raise course.poison


def _place_of_await(coroutine: Any) -> str:
    """``file:line`` of the innermost await that is neither asyncio's nor outgrow's."""
    place = "?"
    awaited: Awaitable[Any] | None = coroutine
    while awaited is not None:
        frame = getattr(awaited, "cr_frame", None) or getattr(awaited, "gi_frame", None)
        if frame is not None and not frame.f_code.co_filename.startswith(_NOT_THE_USERS):
            place = f"{frame.f_code.co_filename}:{frame.f_lineno}"
        awaited = getattr(awaited, "cr_await", None) or getattr(awaited, "gi_yieldfrom", None)
    return place
