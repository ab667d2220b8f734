"""
The one pipeline on the callee's side.

Permission, deadline, context, repeats, the filter of problems, and measures: whatever decides what
a call means happens here and in no transport, so that it means the same however it came.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from outgrow.calls.deadlines import Watches, running_task
from outgrow.calls.doors import make_door
from outgrow.calls.limiting import Gate, Limiter
from outgrow.calls.repeats import Memory, Repeats
from outgrow.calls.streaming import StreamDoors
from outgrow.calls.transport import Invoke
from outgrow.clock import Clock
from outgrow.context import Context, current
from outgrow.contracts import ContractModel, Method
from outgrow.errors import CallTimedOut, InternalError
from outgrow.telemetry import Meters

_log = logging.getLogger("outgrow.calls")


class Reception:
    """
    Lets calls into the services of one process. Lives as long as its application, on its loop.

    Everything that it refuses, it refuses before the method begins.
    """

    def __init__(
        self,
        clock: Clock,
        meters: Meters,
        concurrency: Callable[[str, str], int | None] = lambda _service, _method: None,
    ) -> None:
        """
        Prepare to let calls in; see `admit`.

        Args:
            concurrency: How many calls of a service's method go on at once; None for as many as the
                process finds that it can answer in time.
        """
        self._clock = clock
        self._meters = meters
        self._loop = asyncio.get_running_loop()
        self._doors: dict[str, Invoke] = {}
        self._gates: dict[str, Gate] = {}
        self._concurrency = concurrency
        self._limiter = Limiter(_log.warning)
        self._watches = Watches(clock)
        self._streams = StreamDoors(clock, self._loop)
        self._idle = asyncio.Event()

    def admit(self, model: ContractModel, implementation: Any, memory: Memory | None) -> None:
        """
        Let calls of the contract *model* in.

        Args:
            implementation: Object whose methods are executed.
            memory: Where the replies of its plain commands are kept; None if it owns no store.
        """
        for method in model.methods.values():
            concurrency = self._concurrency(model.service, method.name)
            self._gates[method.full_name] = Gate(method.full_name, concurrency)
            run = getattr(implementation, method.name)
            meter = self._meters.meter(method.full_name)
            if method.is_reply_stream:
                self._doors[method.full_name] = self._streams.make(method, run, meter)
                continue
            if method.is_keyed and not getattr(run, "__outgrow_keyed__", False):
                run = Repeats(method, run, memory).run
            door = make_door(method, run, meter, self._loop, self._watched)
            if method.stream is not None:
                door = self._streams.make_reading(method, door, meter)
            self._doors[method.full_name] = door

    def bind(self, method: Method) -> Invoke:
        """What executes *method* in this process."""
        try:
            return self._doors[method.full_name]
        except KeyError:
            message = f"{method.full_name} is not hosted by this process"
            raise InternalError(message) from None

    async def _watched(
        self, method: Method, execute: Invoke, context: Context, arguments: tuple[Any, ...]
    ) -> Any:
        """Execute with a watch of its own: where a call enters, or has a deadline of its own."""
        task = running_task(self._loop)
        if task is None:
            message = "calls are made from tasks of the application's event loop"
            raise InternalError(message)
        now, gate, waited = self._clock.monotonic(), None, 0.0
        # How long a stream takes says nothing.
        if method.stream is None and _is_from_outside(context):
            gate = self._gates[method.full_name]
            waited = self._watches.lag(now) if context.waited is None else context.waited
            self._limiter.enter(gate, waited, context.deadline - now, now)
        elif context.deadline <= now:
            raise CallTimedOut(method.full_name, may_have_run=False)
        watch = context.watch = self._watches.add(context.deadline, task)
        try:
            reply = await execute(context, *arguments)
            if watch.has_fired:  # The method has swallowed its end; whoever asked is gone.
                raise CallTimedOut(method.full_name, may_have_run=True)
            return reply
        finally:
            self._watches.end(watch)
            if gate is not None:
                self._limiter.leave(gate, waited, now, self._clock.monotonic())
            if not self._watches:
                self._idle.set()

    @property
    def in_flight(self) -> int:
        """How many calls that entered from outside, or have a task of their own, go on now."""
        return len(self._watches)

    def statistics(self) -> dict[str, Any]:
        """How many calls go on, and what limits them."""
        return {
            "in_flight": self.in_flight,
            "streams_open": self._streams.open,
            "limit": self._limiter.statistics(),
        }

    async def wait_idle(self) -> None:
        """Wait until no call goes on. Streams do not count: they may have no end of their own."""
        while self._watches:
            self._idle.clear()
            await self._idle.wait()


def _is_from_outside(context: Context) -> bool:
    """
    Whether a call comes from outside, or from another process.

    What is called in an execution here, or was sent by one, is work that has begun: it would be
    done later if it were refused now, and those who are waited for would be refused for it.
    """
    is_sent_here = context.via and context.waited is None
    return current(None) is None and not is_sent_here
