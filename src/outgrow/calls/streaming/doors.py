"""
The doors of streaming methods: what `outgrow.calls.doors` is to the others.

No task is made for a stream. Each step of it runs on the task of whoever asks for the item, under
a watch of that task, and inside of the callee's own context; between two steps nothing goes on.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass
from time import perf_counter_ns
from typing import Any, Final

from outgrow.calls.deadlines import GRACE_SECONDS, Watch, Watches, running_task
from outgrow.calls.doors import declared_of, outcome_of, permit
from outgrow.calls.failures import failure_of, tell_failure
from outgrow.calls.streaming.steps import closing, step_inside
from outgrow.calls.streaming.taken import Taken
from outgrow.calls.transport import Invoke
from outgrow.clock import Clock
from outgrow.context import Context, current, enter
from outgrow.contracts import Method
from outgrow.errors import CallTimedOut, InternalError, Overloaded
from outgrow.telemetry import Meter

STREAMS_OPEN_MAX: Final = 1_000
"""How many streams from outside a process has open at once; more are refused at once."""

_log = logging.getLogger("outgrow.calls")


@dataclass(frozen=True, slots=True)
class _Door:
    """One method whose reply is a stream, and what executes it."""

    method: Method
    run: Callable[..., Any]
    meter: Meter
    problems: tuple[type[BaseException], ...]
    reads: int | None


class StreamDoors:
    """
    Lets streams into the services of one process, and knows which are open.

    Attributes:
        open: How many calls with a stream go on, whether anybody waits for an item just now or not.
    """

    def __init__(self, clock: Clock, loop: asyncio.AbstractEventLoop) -> None:
        self.clock = clock
        self.loop = loop
        self.watches = Watches(clock)
        self.open = 0

    def make(self, method: Method, run: Callable[..., Any], meter: Meter) -> Invoke:
        """What executes *method*, whose reply is a stream; *run* is the method of the service."""
        door = _Door(method, run, meter, tuple(method.problems.values()), _place(method))

        def invoke(context: Context, *arguments: Any) -> Any:
            return self._stream(door, context, arguments)

        return invoke

    def make_reading(self, method: Method, execute: Invoke, meter: Meter) -> Invoke:
        """What executes *method*, one of whose parameters is a stream, by its ordinary door."""
        place = _place(method)
        assert place is not None, "asked for methods that read"

        async def read(context: Context, *arguments: Any) -> Any:
            self._let_in(method, context)
            taken, given = _reading(method, place, arguments, meter)
            taken.task = running_task(self.loop)
            self.open += 1
            try:
                return await _ended(taken, execute(context, *given))
            finally:
                self.open -= 1
                await taken.close()

        return read

    async def _stream(
        self, door: _Door, context: Context, arguments: tuple[Any, ...]
    ) -> AsyncGenerator[Any, None]:
        self._let_in(door.method, context)
        if door.method.allow is not None:
            permit(door.method, context)
        execution = _Execution(self, door, context)
        try:
            execution.begin(arguments)
            while True:
                try:
                    item = await execution.step()
                except StopAsyncIteration:
                    return
                yield item
        finally:
            await execution.close()

    def _let_in(self, method: Method, context: Context) -> None:
        if context.deadline <= self.clock.monotonic():
            raise CallTimedOut(method.full_name, may_have_run=False)
        if self.open >= STREAMS_OPEN_MAX and not context.via:
            text = f"{STREAMS_OPEN_MAX} streams are open, which is the limit. Try again later."
            raise Overloaded(method.full_name, text)


class _Execution:
    """One stream that goes on."""

    def __init__(self, doors: StreamDoors, door: _Door, context: Context) -> None:
        self._doors = doors
        self._door = door
        self._context = context
        self._run = contextvars.copy_context().run
        self._run(enter, context)
        self._items: Any = None
        self._taken: Taken | None = None
        self._is_over = False
        self._started = perf_counter_ns()
        door.meter.started += 1
        doors.open += 1

    def begin(self, arguments: tuple[Any, ...]) -> None:
        """Call the method, which gives its generator; a plain method may do more."""
        door = self._door
        if door.reads is not None:
            self._taken, arguments = _reading(door.method, door.reads, arguments, door.meter)
        try:
            self._items = aiter(self._run(door.run, *arguments))
        except Exception as error:
            outcome = self._told(error)
            if outcome is error:
                raise
            raise outcome from error

    async def step(self) -> Any:
        """The next item. Whatever else comes of the step is what the caller meets."""
        doors, context = self._doors, self._context
        task = running_task(doors.loop)
        if task is None:
            message = "streams are read by tasks of the application's event loop"
            raise InternalError(message)
        if context.deadline <= doors.clock.monotonic():
            self._door.meter.errors += 1
            raise CallTimedOut(self._door.method.full_name, may_have_run=True)
        covering = _covering(context, task)
        context.watch = covering or doors.watches.add(context.deadline, task)
        try:
            return await self._next(task)
        finally:
            if covering is None:
                doors.watches.end(context.watch)

    async def _next(self, task: asyncio.Task[Any]) -> Any:
        taken, door = self._taken, self._door
        if taken is not None:
            taken.task = task
        try:
            item = await step_inside(self._run, self._items.__anext__())
        except StopAsyncIteration:
            self._is_over = True
            self._see_failure(task)
            raise
        except BaseException as error:
            self._see_failure(task)
            outcome = self._told(error)
            if outcome is error:
                raise
            raise outcome from error
        self._see_failure(task)
        door.meter.items += 1
        return item

    def _see_failure(self, task: asyncio.Task[Any]) -> None:
        """Raise what went wrong at the caller's own side, if anything did."""
        if self._taken is None:
            return
        self._taken.take_back()
        if self._taken.failure is not None and not task.cancelling():
            self._door.meter.errors += 1
            raise self._taken.failure

    def _told(self, error: BaseException) -> BaseException:
        """What the caller meets instead of *error*, which is counted."""
        door = self._door
        if isinstance(error, door.problems):
            door.meter.problems += 1
            is_declared = type(error) in door.problems
            return error if is_declared else declared_of(door.method, error)  # type: ignore[arg-type]
        door.meter.errors += 1
        if self._context.watch is None:
            return failure_of(door.method.full_name, error)
        return outcome_of(door.method, self._context, error)

    async def close(self) -> None:
        """Let the generator end, whether it has or not, and the stream that it reads."""
        try:
            if not self._is_over:
                await self._close_items()
        finally:
            self._doors.open -= 1
            meter = self._door.meter
            meter.histogram[(perf_counter_ns() - self._started).bit_length()] += 1
            if self._taken is not None:
                await self._taken.close()

    async def _close_items(self) -> None:
        """
        Close the generator, as what it was asked for last told nobody.

        What it raises meanwhile is logged. It has until the deadline, or a moment more.
        """
        step = closing(self._items)
        if step is None:
            return
        doors, context = self._doors, self._context
        task = asyncio.current_task()
        assert task is not None, "closed by whoever reads, or by the event loop"
        due = max(context.deadline, doors.clock.monotonic() + GRACE_SECONDS)
        watch = context.watch = doors.watches.add(due, task)
        try:
            await step_inside(self._run, step)
        except Exception as error:  # noqa: BLE001 - nobody is there to be told
            _log.exception("%s", tell_failure(failure_of(self._door.method.full_name, error)))
        except asyncio.CancelledError:
            if not watch.has_fired:
                raise
        finally:
            doors.watches.end(watch)


def _covering(context: Context, task: asyncio.Task[Any]) -> Watch | None:
    """The watch of the caller's execution, if that is on this task and ends at the same time."""
    caller = current(None)
    if caller is None or caller.watch is None or caller.deadline != context.deadline:
        return None
    watch: Watch = caller.watch
    return watch if watch.task is task else None


def _place(method: Method) -> int | None:
    """Which of the method's parameters is a stream."""
    places = [n for n, parameter in enumerate(method.parameters) if parameter.is_stream]
    return places[0] if places else None


def _reading(
    method: Method, place: int, arguments: tuple[Any, ...], meter: Meter
) -> tuple[Taken, tuple[Any, ...]]:
    """What the callee reads, and the *arguments* with it among them."""
    taken = Taken(method, arguments[place], meter)
    return taken, (*arguments[:place], taken, *arguments[place + 1 :])


async def _ended(taken: Taken, execution: Awaitable[Any]) -> Any:
    """What comes of *execution*, unless what it was given has failed."""
    try:
        reply = await execution
    except BaseException:
        taken.take_back()
        task = asyncio.current_task()
        if taken.failure is None or (task is not None and task.cancelling()):
            raise
        raise taken.failure from None
    taken.take_back()
    if taken.failure is not None:
        raise taken.failure
    return reply
