"""Faults that happen to calls: a transport around another one."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Final

from outgrow.calls import Invoke, Transport
from outgrow.clock import Clock
from outgrow.context import Context
from outgrow.contracts import Method
from outgrow.errors import CallTimedOut, Overloaded, ServiceUnreachable
from outgrow.process import Hosted
from outgrow.testing.faults.wishes import OUTSIDE, Dice, Fault, Throw

HELD_SECONDS_MAX: Final = 0.05
"""How long a call waits for another one to overtake it."""

CALL_BYTES: Final = 1_024
"""What a call counts as where `slow_bytes` has no bytes to count."""


class Lane:
    """
    The way of calls from one service to another, while something is wrong with it.

    Attributes:
        healed: Set when it is well again; what was held goes on.
        passed: Set whenever a call passes.
        transport: What carries calls instead, if it is set.
    """

    def __init__(self, fault: Fault, seed: str) -> None:
        self.fault = fault
        self.dice = Dice(fault, seed)
        self.healed = asyncio.Event()
        self.passed = asyncio.Event()
        self.transport: Transport | None = None

    def note_passing(self) -> None:
        """Let those go on that are held until another call has passed."""
        self.passed.set()
        self.passed = asyncio.Event()


class Book:
    """
    What is wrong now, by who calls and who is called.

    Attributes:
        maps_bytes: Whether calls meet what would happen to their bytes, for there are none.
    """

    def __init__(self, *, maps_bytes: bool = False) -> None:
        self.maps_bytes = maps_bytes
        self._lanes: dict[tuple[str, str], Lane] = {}

    def begin(self, caller: str, callee: str, fault: Fault, seed: str) -> Lane:
        """
        Let *fault* happen to the calls from *caller* to *callee*.

        Raises:
            ValueError: Something is wrong between them already.
        """
        if (caller, callee) in self._lanes:
            raise already_wrong(caller, callee)
        lane = self._lanes[caller, callee] = Lane(fault, seed)
        return lane

    def end(self, caller: str, callee: str) -> Lane:
        """Let all be well between them again."""
        lane = self._lanes.pop((caller, callee))
        lane.healed.set()
        lane.note_passing()
        return lane

    def lane(self, via: str, callee: str) -> Lane | None:
        """What is wrong between them, if anything is."""
        return self._lanes.get((via or OUTSIDE, callee)) if self._lanes else None


class Faulty:
    """
    A transport to whose calls happens what the book says; while it says nothing, nothing is added.

    Args:
        clock: That on which the deadlines of contexts are told.
    """

    def __init__(self, transport: Transport, book: Book, clock: Clock) -> None:
        self._transport = transport
        self._book = book
        self._clock = clock

    def bind(self, method: Method) -> Invoke:
        """What executes *method*, or fails to."""
        invoke, find = self._transport.bind(method), self._book.lane
        play: Callable[..., Any] = self._play_stream if method.is_reply_stream else self._play

        def invoke_faulty(context: Context, *arguments: Any) -> Any:
            lane = find(context.via, method.service)
            if lane is None:
                return invoke(context, *arguments)
            detour = invoke if lane.transport is None else lane.transport.bind(method)
            return play(lane, method, detour, context, arguments)

        return invoke_faulty

    async def close(self) -> None:
        """Close what carries the calls."""
        await self._transport.close()

    async def _play(
        self,
        lane: Lane,
        method: Method,
        invoke: Invoke,
        context: Context,
        arguments: tuple[Any, ...],
    ) -> Any:
        throw = await self._before(lane, method, context)
        try:
            reply = await invoke(context, *arguments)
            if throw.duplicated and method.repeat != "unsafe" and method.stream is None:
                with contextlib.suppress(Exception):  # Only the first outcome comes back.
                    await invoke(context.again(), *arguments)
        except Exception:
            await self._after(lane, method, context, throw)
            raise
        await self._after(lane, method, context, throw)
        return reply

    async def _play_stream(
        self,
        lane: Lane,
        method: Method,
        invoke: Invoke,
        context: Context,
        arguments: tuple[Any, ...],
    ) -> AsyncGenerator[Any, None]:
        throw = await self._before(lane, method, context)
        items: Any = invoke(context, *arguments)
        try:
            async for item in items:
                await self._after(lane, method, context, throw)
                yield item
        finally:
            await items.aclose()

    async def _before(self, lane: Lane, method: Method, context: Context) -> Throw:
        """What happens to a call, and all of it that happens before it arrives."""
        throw, fault = lane.dice.throw(method.full_name), lane.fault
        if throw.refused:
            text = "refused by a fault of the test"
            raise Overloaded(method.full_name, text)
        seconds = throw.latency
        if self._book.maps_bytes and fault.slow_bytes:
            seconds += CALL_BYTES / fault.slow_bytes
        if seconds:
            await self._hold(lane.healed, seconds, method, context)
        if self._book.maps_bytes and fault.black_hole:
            await self._hold(lane.healed, None, method, context)
        if throw.held:
            await self._hold(lane.passed, HELD_SECONDS_MAX, method, context)
        lane.note_passing()
        if throw.cut == "before":
            raise _cut(method)
        return throw

    async def _after(self, lane: Lane, method: Method, context: Context, throw: Throw) -> None:
        """All that happens after a call has arrived and run."""
        if throw.cut == "after" or (self._book.maps_bytes and lane.fault.reset_mid_reply):
            raise _cut(method)
        if self._book.maps_bytes and lane.fault.half_open:
            await self._hold(lane.healed, None, method, context)
            raise _cut(method)

    async def _hold(
        self, released: asyncio.Event, seconds: float | None, method: Method, context: Context
    ) -> None:
        """
        Wait until *released*, or for *seconds* of the machine's time.

        Raises:
            CallTimedOut: The deadline of the call comes first, by its clock or by the machine's.
        """
        remaining = context.deadline - self._clock.monotonic()
        is_due = seconds is None or seconds >= remaining
        due = asyncio.Event()
        timer = self._clock.call_at(context.deadline, due.set)
        try:
            async with asyncio.timeout(remaining if is_due else seconds):
                await _either(released, due)
        except TimeoutError:
            if is_due:
                due.set()
        finally:
            timer.cancel()
        if due.is_set():
            raise CallTimedOut(method.full_name, may_have_run=True)


async def _either(one: asyncio.Event, other: asyncio.Event) -> None:
    """Return when one of the two is set."""
    async with asyncio.TaskGroup() as tasks:
        waits = [tasks.create_task(event.wait()) for event in (one, other)]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()


def _cut(method: Method) -> ServiceUnreachable:
    text = "the connection was cut by a fault of the test"
    return ServiceUnreachable(method.full_name, text, may_have_run=True)


def already_wrong(caller: str, callee: str) -> ValueError:
    """What is raised for a second fault between the same two."""
    message = f"something is wrong between {caller} and {callee} already; end that first"
    return ValueError(message)


def around(book: Book, transport: Transport, clock: Clock) -> Transport:
    """*transport* with the faults of *book*."""
    return Faulty(transport, book, clock)


def faulty(
    make: Callable[[Hosted], AbstractAsyncContextManager[Transport]], book: Book
) -> Callable[[Hosted], AbstractAsyncContextManager[Transport]]:
    """What makes the transport of an application, with the faults of *book* in it."""

    @asynccontextmanager
    async def make_faulty(hosted: Hosted) -> AsyncIterator[Transport]:
        async with make(hosted) as transport:
            yield Faulty(transport, book, hosted.clock)

    return make_faulty
