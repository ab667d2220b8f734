"""
The door of one method: what every execution of it goes through.

It is written as source for each method, with as many arguments as the method has. Taking them as
``*arguments`` would cost a tenth of the whole call.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Awaitable, Callable
from time import perf_counter_ns
from types import CodeType
from typing import Any

import msgspec

from outgrow.calls.carrying import as_declared
from outgrow.calls.deadlines import running_task
from outgrow.calls.failures import failure_of
from outgrow.calls.transport import Invoke
from outgrow.context import Context, enter, leave
from outgrow.contracts import Method, Problem
from outgrow.errors import (
    CallerNotAllowed,
    CallTimedOut,
    KeyReused,
    Overloaded,
    SagaAborted,
    StillRunning,
)
from outgrow.telemetry import Meter

Watched = Callable[[Method, Invoke, Context, tuple[Any, ...]], Awaitable[Any]]

_SOURCE = """
async def execute(context{parameters}):
    watch = context.watch
    if watch is None or watch.task is not running_task(loop):
        return await watched(method, execute, context, ({arguments}))
    {permission}
    meter.started += 1
    token = enter(context)
    started = perf_counter_ns()
    try:
        return await run({arguments})
    except problems as problem:
        meter.problems += 1
        if type(problem) in problems:
            raise
        raise declared(method, problem) from problem
    except BaseException as error:
        meter.errors += 1
        outcome = outcome_of(method, context, error)
        if outcome is error:
            raise
        raise outcome from error
    finally:
        leave(token)
        histogram[(perf_counter_ns() - started).bit_length()] += 1
"""


def make_door(
    method: Method,
    run: Callable[..., Awaitable[Any]],
    meter: Meter,
    loop: asyncio.AbstractEventLoop,
    watched: Watched,
) -> Invoke:
    """
    What executes *method*.

    Args:
        run: The method of the service.
        meter: Where it is measured.
        loop: The application's.
        watched: Executes under a watch of its own, where none covers the running task.
    """
    arguments = "".join(f"argument_{n}, " for n in range(len(method.parameters)))
    names: dict[str, Any] = {
        "declared": declared_of,
        "enter": enter,
        "histogram": meter.histogram,
        "leave": leave,
        "loop": loop,
        "meter": meter,
        "method": method,
        "outcome_of": outcome_of,
        "perf_counter_ns": perf_counter_ns,
        "permit": permit,
        "problems": tuple(method.problems.values()),
        "run": run,
        "running_task": running_task,
        "watched": watched,
    }
    source = _SOURCE.format(
        parameters=", " + arguments if arguments else "",
        arguments=arguments,
        permission="permit(method, context)" if method.allow is not None else "",
    )
    exec(compiled(source, f"<door of {method.full_name}>"), names)  # noqa: S102 - ours
    return names["execute"]  # type: ignore[no-any-return]


@functools.lru_cache(maxsize=8192)
def compiled(source: str, filename: str) -> CodeType:
    """The code of *source*; compiled once for all the applications of a program that have it."""
    return compile(source, filename, "exec")


def permit(method: Method, context: Context) -> None:
    """Refuse a caller from outside that lacks the permission; services are let in."""
    if not context.via and not context.caller.may(method.allow or ""):
        raise CallerNotAllowed(method.full_name, method.allow or "", str(context.caller))


def declared_of(method: Method, problem: Problem) -> Exception:
    """What the caller meets instead of a *problem* of a class below a declared one."""
    try:
        return as_declared(problem, method.problems.values())
    except (msgspec.MsgspecError, TypeError, ValueError) as error:
        return failure_of(method.full_name, error)


def outcome_of(method: Method, context: Context, error: BaseException) -> BaseException:
    """What the caller meets when the method ends with *error*, which it does not declare."""
    if context.watch.has_fired and isinstance(error, Exception | asyncio.CancelledError):
        # Whatever it ended with, it did so because its time was over.
        return CallTimedOut(method.full_name, may_have_run=True)
    if isinstance(error, CallTimedOut) and context.watch.is_over:
        # What it has called had the same deadline, and was looked at first.
        return CallTimedOut(method.full_name, may_have_run=True)
    if isinstance(error, asyncio.CancelledError) and context.watch.task.cancelling():
        return error
    is_its_own = isinstance(error, KeyReused | Overloaded | SagaAborted | StillRunning)
    if is_its_own and getattr(error, "method", "") == method.full_name:
        return error
    if isinstance(error, Exception | asyncio.CancelledError):
        # A cancellation that nobody asked for is the method's own, and its caller goes on.
        return failure_of(method.full_name, error)
    return error
