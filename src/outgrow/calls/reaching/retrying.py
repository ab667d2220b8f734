"""Calls again, where nobody was there and a repeat can do no harm."""

from __future__ import annotations

import asyncio
import random
from typing import Any, Final

from outgrow.calls.patience import Patience
from outgrow.calls.reaching.budgets import Budget
from outgrow.calls.reaching.streaming import stream_again
from outgrow.calls.transport import Invoke, Transport
from outgrow.clock import Clock, SystemClock
from outgrow.context import Context
from outgrow.contracts import Method
from outgrow.errors import CallError, Overloaded, ServiceUnreachable

PAUSE_SECONDS: Final = 0.02
"""The bound of the first pause between attempts; it doubles after each."""

PAUSE_SECONDS_MAX: Final = 0.5
"""The longest bound."""

REFUSALS_MAX: Final = 1
"""How often a call comes again after its service had too much to do."""

UNPAID: Final = (
    "It was not made again: the repeats of calls to this service are spent for now, as repeats "
    "would make it worse for a service that fails because it has too much to do."
)


class Retrying:
    """
    Tries calls again that met `ServiceUnreachable` or `Overloaded`, if that can do no harm.

    That is: what has not run, whatever it is, and what may have run if its contract makes a repeat
    safe: a query, or a command under its key. A stream is begun again only while no item of it was
    given to the caller, and none was asked of the caller. The pauses grow, each drawn between
    nothing and its bound (full jitter), so that callers do not come back all at once. They are real
    time: other processes start and stop in it, whatever time a test has it be.

    After `Overloaded` it is once, and after the time that the service has named, and as much again
    at most. What the service has had work with is paid from the budget; waiting for one that is not
    there costs it nothing, and is free, so that a restart fails nobody.

    Whatever a call ends with, its ``may_have_run`` speaks of all attempts.

    Args:
        clock: The clock on which the deadlines of contexts are told; none is passed.
        patience: How long others are waited for.
        budget: What repeats are paid from, and where each call is counted; that of the `Balanced`
            below. One of its own if not given.
    """

    def __init__(
        self, transport: Transport, clock: Clock, patience: Patience, budget: Budget | None = None
    ) -> None:
        self._transport = transport
        self._clock = clock
        self._patience = patience
        self._budget = budget or Budget(SystemClock())

    def bind(self, method: Method) -> Invoke:
        """What executes *method*, and again if need be."""
        invoke = self._transport.bind(method)
        if method.is_streaming:
            return stream_again(method, invoke, lambda each: self._until_reached(method, each))
        return self._until_reached(method, invoke)

    def _until_reached(self, method: Method, invoke: Invoke) -> Invoke:
        budget = self._budget

        async def invoke_until_reached(context: Context, *arguments: Any) -> Any:
            budget.calls += 1
            try:
                return await invoke(context, *arguments)
            except (ServiceUnreachable, Overloaded) as error:
                failure: CallError = error
            return await self._again(method, invoke, context, arguments, failure)

        return invoke_until_reached

    async def _again(
        self,
        method: Method,
        invoke: Invoke,
        context: Context,
        arguments: tuple[Any, ...],
        failure: CallError,
    ) -> Any:
        """The outcome of the attempts after the first, which met *failure*."""
        loop, bound = asyncio.get_running_loop(), PAUSE_SECONDS
        failed_at = loop.time()
        may_have_run, refusals = failure.may_have_run, int(isinstance(failure, Overloaded))
        # What was taken from a stream cannot be sent again, and a refusal does not tell.
        refusals_max = 0 if method.is_streaming else REFUSALS_MAX
        while (not may_have_run or method.repeat != "unsafe") and refusals <= refusals_max:
            seconds = random.uniform(0, bound)  # noqa: S311 - no secret
            bound = min(bound * 2, PAUSE_SECONDS_MAX)
            if isinstance(failure, Overloaded):
                seconds += failure.retry_after_seconds * (1 + random.random())  # noqa: S311 - as above
            is_late = self._clock.monotonic() + seconds >= context.deadline
            if is_late or loop.time() + seconds >= self._patience.give_up_at(failed_at):
                break
            if not self._pays(failure):
                failure.args = (f"{failure}. {UNPAID}",)
                break
            await self._patience.pause(seconds)
            self._patience.retried += 1
            try:
                return await invoke(context.again(), *arguments)
            except (ServiceUnreachable, Overloaded) as error:
                failure = error
                may_have_run |= error.may_have_run
                refusals += isinstance(error, Overloaded)
            except CallError as error:
                error.may_have_run |= may_have_run
                raise
        self._patience.given_up += 1
        failure.may_have_run = may_have_run
        raise failure

    def _pays(self, failure: CallError) -> bool:
        """
        Whether a repeat after *failure* may be made.

        Who was not there has had no work with the call, and may be waited for by everybody.
        """
        is_free = isinstance(failure, ServiceUnreachable) and not failure.may_have_run
        return is_free or self._budget.draw()

    async def close(self) -> None:
        """Close what carries the calls."""
        await self._transport.close()
