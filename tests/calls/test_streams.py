"""The doors of streaming methods, where the callee can be seen."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import AsyncIterator

import pytest

from outgrow.calls import InProcess, Reception, client_class, connect, using
from outgrow.calls.streaming import doors
from outgrow.clock import ManualClock
from outgrow.contracts import Contract, Problem, query, read_contract
from outgrow.errors import CallFailed, CallTimedOut, Overloaded
from outgrow.telemetry import Meters

MINE = contextvars.ContextVar("mine", default="nobody's")


class Dry(Problem, status="not_found"):
    """There is no water."""


class Driest(Dry):
    """There never was any."""


class Brook(Contract):
    """Flows."""

    @query(raises=[Dry])
    def flow(self) -> AsyncIterator[int]: ...

    @query()
    async def add(self, numbers: AsyncIterator[int]) -> int: ...

    @query()
    def echo(self, numbers: AsyncIterator[int]) -> AsyncIterator[int]: ...


class BrookService(Brook):
    """Does what a test tells it to."""

    def __init__(self):
        self.flow = self.add = self.echo = None


class Brooks:
    def __init__(self):
        self.clock, self.meters, self.service = ManualClock(), Meters(), BrookService()
        self.reception = None

    def on(self, **methods):
        for name, method in methods.items():
            setattr(self.service, name, method)
        model = read_contract(Brook)
        self.reception = Reception(self.clock, self.meters)
        self.reception.admit(model, self.service, None)
        client = client_class(model)(InProcess(self.reception).bind, model, self.clock)
        connect(client)
        return client

    def measured(self, name):
        return self.meters.meter(f"test_streams.{name}").statistics()

    @property
    def open(self):
        return self.reception.statistics()["streams_open"]


@pytest.fixture
def brooks():
    return Brooks()


async def numbers(count=3):
    for n in range(count):
        yield n


async def test_a_stream_is_one_execution_and_its_items_are_counted(brooks):
    async def flow():
        for n in range(3):
            yield n

    brook = brooks.on(flow=flow)
    stream = brook.flow()
    assert (brooks.measured("flow").in_flight, brooks.open) == (0, 0)
    await anext(stream)
    assert (brooks.measured("flow").in_flight, brooks.open) == (1, 1)
    assert [n async for n in stream] == [1, 2]

    measured = brooks.measured("flow")
    assert (measured.calls, measured.items, measured.in_flight) == (1, 3, 0)
    assert (measured.problems, measured.errors, brooks.open) == (0, 0, 0)


async def test_what_is_taken_is_counted_too(brooks):
    async def add(numbers):
        return sum([n async for n in numbers])

    async def echo(numbers):
        async for n in numbers:
            yield n

    brook = brooks.on(add=add, echo=echo)

    assert await brook.add(numbers()) == 3
    assert [n async for n in brook.echo(numbers())] == [0, 1, 2]

    assert brooks.measured("add").items == 3
    assert brooks.measured("echo").items == 6


async def test_problems_and_failures_are_counted_once(brooks):
    async def flow():
        yield 1
        raise Driest

    brook = brooks.on(flow=flow)
    stream = brook.flow()
    await anext(stream)
    with pytest.raises(Dry) as dry:
        await anext(stream)

    assert type(dry.value) is Dry
    assert (brooks.measured("flow").problems, brooks.measured("flow").errors) == (1, 0)

    async def fail():
        raise KeyError
        yield

    with pytest.raises(CallFailed):
        await anext(brooks.on(flow=fail).flow())

    assert (brooks.measured("flow").problems, brooks.measured("flow").errors) == (1, 1)


async def test_a_reader_that_leaves_is_no_error(brooks):
    async def flow():
        while True:
            yield 1

    brook = brooks.on(flow=flow)
    async with brook.flow() as stream:
        await anext(stream)

    measured = brooks.measured("flow")
    assert (measured.calls, measured.errors, brooks.open) == (1, 0, 0)


async def test_context_variables_of_both_sides_are_their_own(brooks):
    seen = []

    async def echo(numbers):
        MINE.set("the callee's")
        async for n in numbers:
            seen.append(MINE.get())
            yield n

    async def given():
        for n in range(2):
            seen.append(MINE.get())
            MINE.set("the giver's")
            yield n

    MINE.set("the caller's")
    async for _ in brooks.on(echo=echo).echo(given()):
        assert MINE.get() == "the caller's"

    assert seen == ["the caller's", "the callee's", "the giver's", "the callee's"]


async def test_steps_may_be_asked_for_by_several_tasks(brooks):
    async def flow():
        token = MINE.set("the callee's")
        try:
            yield 1
            yield 2
        finally:
            MINE.reset(token)  # Fails in another context than it was made in.

    stream = brooks.on(flow=flow).flow()
    async with asyncio.TaskGroup() as tasks:
        first = tasks.create_task(next_of(stream))
    async with asyncio.TaskGroup() as tasks:
        second = tasks.create_task(next_of(stream))
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(stream.aclose())

    assert (first.result(), second.result()) == (1, 2)


async def next_of(stream):
    return await anext(stream)


async def test_a_deadline_cancels_the_step_that_waits(brooks):
    ended = []

    async def flow():
        try:
            yield 1
            await asyncio.Event().wait()
        finally:
            ended.append(True)

    stream = using(brooks.on(flow=flow), deadline=1.0).flow()
    await anext(stream)
    async with asyncio.TaskGroup() as tasks:
        reading = tasks.create_task(raised(anext(stream)))
        await turns()
        brooks.clock.advance(1.01)

    assert isinstance(reading.result(), CallTimedOut)
    assert ended == [True]


async def test_a_deadline_that_is_swallowed_ends_the_stream_at_the_next_step(brooks):
    ended = []

    async def flow():
        try:
            while True:
                try:
                    await asyncio.Event().wait()
                except asyncio.CancelledError:
                    yield 1
        finally:
            ended.append(True)

    stream = using(brooks.on(flow=flow), deadline=1.0).flow()
    async with asyncio.TaskGroup() as tasks:
        reading = tasks.create_task(next_of(stream))
        await turns()
        brooks.clock.advance(1.01)

    assert reading.result() == 1
    with pytest.raises(CallTimedOut):
        await anext(stream)
    assert ended == [True]


async def test_the_end_of_a_generator_has_a_moment_after_the_deadline(brooks):
    async def flow():
        try:
            yield 1
        finally:
            await asyncio.Event().wait()  # It would hang for ever.

    stream = using(brooks.on(flow=flow), deadline=1.0).flow()
    await anext(stream)
    brooks.clock.advance(1.01)
    async with asyncio.TaskGroup() as tasks:
        reading = tasks.create_task(raised(anext(stream)))
        await turns()
        brooks.clock.advance(0.06)

    assert isinstance(reading.result(), CallTimedOut)
    assert brooks.open == 0


async def test_what_goes_wrong_while_it_is_closed_is_logged(brooks, caplog):
    async def flow():
        try:
            yield 1
        finally:
            raise KeyError("at the end")

    async with brooks.on(flow=flow).flow() as stream:
        await anext(stream)

    assert "at the end" in caplog.text
    assert "test_streams.flow" in caplog.text


async def test_more_streams_than_the_limit_are_refused(brooks, monkeypatch):
    monkeypatch.setattr(doors, "STREAMS_OPEN_MAX", 2)

    async def flow():
        while True:
            yield 1

    async def add(numbers):
        return 0

    brook = brooks.on(flow=flow, add=add)
    streams = [brook.flow(), brook.flow()]
    for stream in streams:
        await anext(stream)

    for call in (anext(brook.flow()), brook.add(numbers())):
        met = await raised(call)
        assert isinstance(met, Overloaded)
        assert not met.may_have_run

    await streams[0].aclose()
    assert await brook.add(numbers()) == 0
    await streams[1].aclose()


async def test_a_callee_may_read_in_a_task_of_its_own(brooks):
    cancelled = []

    async def failing():
        yield 1
        raise ZeroDivisionError

    async def add(numbers):
        taken = asyncio.Queue()

        async def read():
            async for n in numbers:
                taken.put_nowait(n)

        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(read())
                return await taken.get() + await taken.get() + await taken.get()
        except asyncio.CancelledError:
            cancelled.append(True)
            raise

    brook = brooks.on(add=add)
    assert await brook.add(numbers()) == 3
    assert isinstance(await raised(brook.add(failing())), ZeroDivisionError)

    assert cancelled == [True]
    assert asyncio.current_task().cancelling() == 0


async def test_a_reading_that_was_cancelled_is_no_end(brooks):
    async def slowly():
        yield 1
        await asyncio.Event().wait()

    async def add(numbers):
        await anext(numbers)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await anext(numbers)
        return sum([n async for n in numbers])

    met = await raised(brooks.on(add=add).add(slowly()))

    assert isinstance(met, CallFailed)
    assert "cannot be read on" in met.error_text


async def test_a_stream_that_is_kept_is_not_read_after_the_call(brooks):
    kept = []

    async def add(numbers):
        kept.append(numbers)
        return 0

    await brooks.on(add=add).add(numbers())

    with pytest.raises(RuntimeError, match="the call has ended"):
        await anext(kept[0])


async def test_a_method_may_give_any_asynchronous_iterator(brooks):
    class Three:
        def __init__(self):
            self.n = 0

        def __aiter__(self):
            return self

        async def __anext__(self):
            self.n += 1
            if self.n > 3:
                raise StopAsyncIteration
            return self.n

    brook = brooks.on(flow=Three, add=adding)

    assert [n async for n in brook.flow()] == [1, 2, 3]
    assert await brook.add(Three()) == 6


async def test_a_method_that_gives_none_has_failed(brooks):
    met = await raised(anext(brooks.on(flow=lambda: 7).flow()))

    assert isinstance(met, CallFailed)
    assert met.error_type == "builtins.TypeError"
    assert brooks.open == 0


async def adding(numbers):
    return sum([n async for n in numbers])


async def raised(call):
    try:
        await call
    except Exception as error:  # noqa: BLE001 - the tests look at it
        return error
    return None


async def turns():
    for _ in range(10):
        await asyncio.sleep(0)  # noqa: TID251 - lets others go on; no time passes
