"""
The one pipeline on the callee's side.

Permission, deadline, context, repeats, the filter of problems, and measures: whatever decides what
a call means happens here and in no transport, so that it means the same however it came.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from time import perf_counter_ns
from typing import Any, Final, Protocol

from outgrow.calls.arguments import encode_arguments, hash_arguments
from outgrow.calls.deadlines import Watches, running_task
from outgrow.calls.failures import failure_of
from outgrow.calls.transport import Invoke
from outgrow.clock import Clock
from outgrow.context import Context, current, enter, leave
from outgrow.contracts import ContractModel, Method
from outgrow.errors import (
    CallerNotAllowed,
    CallTimedOut,
    InternalError,
    KeyReused,
    Overloaded,
)
from outgrow.telemetry import Meter, Meters

IN_FLIGHT_MAX = 1_000
"""How many calls from outside a process lets in at once; more are refused at once."""


class Missing:
    """Nothing is remembered: not the same as a reply of None."""


MISSING: Final = Missing()


class Memory(Protocol):
    """
    What a service remembers of the plain commands that it has replied to.

    Transactional commands need none of this: they remember in their own transaction.
    """

    async def recall(self, method: Method, context: Context, arguments_hash: bytes) -> Any:
        """
        The reply to the caller's key, or `MISSING`.

        Raises:
            Problem: It was the reply.
            KeyReused: The key came with other arguments.
        """

    async def remember(
        self, method: Method, context: Context, arguments_hash: bytes, outcome: Any
    ) -> None:
        """Keep *outcome*, a value or a problem, unless a reply is already kept."""


class Reception:
    """
    Lets calls into the services of one process. Lives as long as its application, on its loop.

    Everything that it refuses, it refuses before the method begins.
    """

    def __init__(self, clock: Clock, meters: Meters) -> None:
        self._clock = clock
        self._meters = meters
        self._loop = asyncio.get_running_loop()
        self._doors: dict[str, Invoke] = {}
        self._watches = Watches(clock)
        self._idle = asyncio.Event()

    def admit(self, model: ContractModel, implementation: Any, memory: Memory | None) -> None:
        """
        Let calls of the contract *model* in.

        Args:
            implementation: Object whose methods are executed.
            memory: Where the replies of its plain commands are kept; None if it owns no store.
        """
        for method in model.methods.values():
            run = getattr(implementation, method.name)
            meter = self._meters.meter(method.full_name)
            if method.is_keyed and not getattr(run, "__outgrow_keyed__", False):
                run = _Repeats(method, run, memory).run
            self._doors[method.full_name] = self._door(method, run, meter)

    def bind(self, method: Method) -> Invoke:
        """What executes *method* in this process."""
        try:
            return self._doors[method.full_name]
        except KeyError:
            message = f"{method.full_name} is not hosted by this process"
            raise InternalError(message) from None

    def _door(self, method: Method, run: Callable[..., Awaitable[Any]], meter: Meter) -> Invoke:
        problems = tuple(method.problems.values())
        permission = method.allow
        histogram = meter.histogram
        loop = self._loop

        async def execute(context: Context, *arguments: Any) -> Any:
            watch = context.watch
            if watch is None or watch.task is not running_task(loop):
                return await self._watched(method, execute, context, arguments)
            if permission is not None and not context.via and not context.caller.may(permission):
                raise CallerNotAllowed(method.full_name, permission, str(context.caller))
            meter.started += 1
            token = enter(context)
            started = perf_counter_ns()
            try:
                return await run(*arguments)
            except problems:
                meter.problems += 1
                raise
            except BaseException as error:
                meter.errors += 1
                raise _outcome(method, context, error) from error
            finally:
                leave(token)
                histogram[(perf_counter_ns() - started).bit_length()] += 1

        return execute

    async def _watched(
        self, method: Method, execute: Invoke, context: Context, arguments: tuple[Any, ...]
    ) -> Any:
        """Execute with a watch of its own: where a call enters, or has a deadline of its own."""
        if context.deadline <= self._clock.monotonic():
            raise CallTimedOut(method.full_name, may_have_run=False)
        if len(self._watches) >= IN_FLIGHT_MAX and not context.via:
            raise _overloaded(method)
        task = asyncio.current_task()
        if task is None:
            message = "calls are made from tasks of the application's event loop"
            raise InternalError(message)
        watch = context.watch = self._watches.add(context.deadline, task)
        try:
            return await execute(context, *arguments)
        finally:
            self._watches.end(watch)
            if not self._watches:
                self._idle.set()

    @property
    def in_flight(self) -> int:
        """How many calls that entered from outside, or have a task of their own, go on now."""
        return len(self._watches)

    async def wait_idle(self) -> None:
        """Wait until no call goes on."""
        while self._watches:
            self._idle.clear()
            await self._idle.wait()


def _overloaded(method: Method) -> Overloaded:
    text = f"{IN_FLIGHT_MAX} executions are under way, which is the limit. Try again later."
    return Overloaded(method.full_name, text)


def _outcome(method: Method, context: Context, error: BaseException) -> BaseException:
    """What the caller meets when the method ends with *error*, which it does not declare."""
    if isinstance(error, asyncio.CancelledError):
        if context.watch.has_fired:
            return CallTimedOut(method.full_name, may_have_run=True)
        if context.watch.task.cancelling():
            return error
        # Nobody cancelled the call: the method did it itself, and its caller goes on.
    if isinstance(error, KeyReused) and error.method == method.full_name:
        return error
    if isinstance(error, Exception | asyncio.CancelledError):
        return failure_of(method.full_name, error)
    return error


class _Repeats:
    """
    Repeats of one plain command: those at the same time are merged, later ones get the reply.

    The method itself runs outside of any transaction, so a crash in the middle lets the repeat run
    it again; what it calls is keyed and happens once.
    """

    def __init__(
        self, method: Method, run: Callable[..., Awaitable[Any]], memory: Memory | None
    ) -> None:
        self._method = method
        self._run = run
        self._memory = memory
        self._running: dict[tuple[str, str, str], tuple[bytes, asyncio.Future[Any]]] = {}

    async def run(self, *arguments: Any) -> Any:
        context = current()
        if context.key is None:
            return await self._run(*arguments)
        digest = hash_arguments(encode_arguments(self._method, arguments))
        scope = (context.caller.kind, context.caller.subject, context.key)
        while (running := self._running.get(scope)) is not None:
            if running[0] != digest:
                raise KeyReused(self._method.full_name, context.key)
            await asyncio.wait([running[1]])
            if not running[1].cancelled():
                return running[1].result()
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._running[scope] = (digest, future)
        try:
            reply = await self._once(context, digest, arguments)
        except asyncio.CancelledError:
            future.cancel()
            raise
        except Exception as error:
            future.set_exception(error)
            future.exception()  # It is raised here as well, so nobody needs to be told twice.
            raise
        else:
            future.set_result(reply)
            return reply
        finally:
            del self._running[scope]

    async def _once(self, context: Context, digest: bytes, arguments: tuple[Any, ...]) -> Any:
        if self._memory is None:
            return await self._run(*arguments)
        reply = await self._memory.recall(self._method, context, digest)
        if reply is not MISSING:
            return reply
        try:
            outcome = await self._run(*arguments)
        except tuple(self._method.problems.values()) as problem:
            await self._memory.remember(self._method, context, digest, problem)
            raise
        await self._memory.remember(self._method, context, digest, outcome)
        return outcome
