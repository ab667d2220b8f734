"""Calls again, where nobody was there and a repeat can do no harm."""

from __future__ import annotations

import asyncio
import contextlib
import math
import random
from typing import Any, Final

from outgrow.calls.reaching.streaming import stream_again
from outgrow.calls.transport import Invoke, Transport
from outgrow.clock import Clock
from outgrow.context import Context
from outgrow.contracts import Method
from outgrow.errors import CallError, ServiceUnreachable

RETRY_SECONDS_MAX: Final = 5.0
"""How long a call is tried again, if its deadline allows; a process starts again in less."""

STOPPING_SECONDS_MAX: Final = 1.0
"""The same in a process that has begun to stop; longer than a connection takes to be made again."""

PAUSE_SECONDS: Final = 0.02
"""The bound of the first pause between attempts; it doubles after each."""

PAUSE_SECONDS_MAX: Final = 0.5
"""The longest bound."""


class Patience:
    """
    How long this process waits for others that are not there. One for all that it calls.

    Args:
        seconds_max: The longest time from the first failure of a call until it is given up.
        stopping_seconds_max: The longest such time after this process has begun to stop.
    """

    def __init__(
        self,
        seconds_max: float = RETRY_SECONDS_MAX,
        stopping_seconds_max: float = STOPPING_SECONDS_MAX,
    ) -> None:
        self.retried = 0
        self.given_up = 0
        self._seconds_max = seconds_max
        self._stopping_seconds_max = stopping_seconds_max
        self._stopping = asyncio.Event()
        self._stops_at = math.inf

    def stop(self) -> None:
        """
        Wait for the others for a moment only: this process stops, and they may be gone for good.

        The moment is for those that start again just now: what waits for them is under way, and
        does not fail because this process stops.
        """
        if not self._stopping.is_set():
            now = asyncio.get_running_loop().time()
            self._stops_at = now + self._stopping_seconds_max
            self._stopping.set()

    def give_up_at(self, failed_at: float) -> float:
        """When a call is given up that failed first at *failed_at*, by the loop's time."""
        return min(failed_at + self._seconds_max, self._stops_at)

    async def pause(self, seconds: float) -> None:
        """Wait for *seconds* of the machine's time, or until this process begins to stop."""
        stopping = asyncio.Event() if self._stopping.is_set() else self._stopping
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await stopping.wait()

    def statistics(self) -> dict[str, float]:
        """What was counted since the start, and the limit."""
        return {
            "retried": self.retried,
            "given_up": self.given_up,
            "retry_seconds_max": self._seconds_max,
        }


class Retrying:
    """
    Tries calls again that met `ServiceUnreachable`, if that can do no harm.

    That is: what has not run, whatever it is, and what may have run if its contract makes a repeat
    safe: a query, or a command under its key. A stream is begun again only while no item of it was
    given to the caller, and none was asked of the caller. The pauses grow, each drawn between
    nothing and its bound (full jitter), so that callers do not come back all at once. They are real
    time: other processes start and stop in it, whatever time a test has it be.

    Whatever a call ends with, its ``may_have_run`` speaks of all attempts.

    Args:
        clock: The clock on which the deadlines of contexts are told; none is passed.
        patience: How long others are waited for.
    """

    def __init__(self, transport: Transport, clock: Clock, patience: Patience) -> None:
        self._transport = transport
        self._clock = clock
        self._patience = patience

    def bind(self, method: Method) -> Invoke:
        """What executes *method*, and again if need be."""
        invoke = self._transport.bind(method)
        if method.is_streaming:
            return stream_again(method, invoke, lambda each: self._until_reached(method, each))
        return self._until_reached(method, invoke)

    def _until_reached(self, method: Method, invoke: Invoke) -> Invoke:
        async def invoke_until_reached(context: Context, *arguments: Any) -> Any:
            try:
                return await invoke(context, *arguments)
            except ServiceUnreachable as error:
                unreachable = error
            return await self._again(method, invoke, context, arguments, unreachable)

        return invoke_until_reached

    async def _again(
        self,
        method: Method,
        invoke: Invoke,
        context: Context,
        arguments: tuple[Any, ...],
        unreachable: ServiceUnreachable,
    ) -> Any:
        """The outcome of the attempts after the first, which met *unreachable*."""
        loop, bound = asyncio.get_running_loop(), PAUSE_SECONDS
        failed_at = loop.time()
        may_have_run = unreachable.may_have_run
        while not may_have_run or method.repeat != "unsafe":
            seconds = random.uniform(0, bound)  # noqa: S311 - no secret
            bound = min(bound * 2, PAUSE_SECONDS_MAX)
            is_late = self._clock.monotonic() + seconds >= context.deadline
            if is_late or loop.time() + seconds >= self._patience.give_up_at(failed_at):
                break
            await self._patience.pause(seconds)
            self._patience.retried += 1
            try:
                return await invoke(context.again(), *arguments)
            except ServiceUnreachable as error:
                unreachable = error
                may_have_run |= error.may_have_run
            except CallError as error:
                error.may_have_run |= may_have_run
                raise
        self._patience.given_up += 1
        unreachable.may_have_run = may_have_run
        raise unreachable

    async def close(self) -> None:
        """Close what carries the calls."""
        await self._transport.close()
