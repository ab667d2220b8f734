"""A transport that tries again when the other process is not there for a moment."""

from __future__ import annotations

import random
from typing import Any, Final

from outgrow.calls.transport import Invoke, Transport
from outgrow.clock import Clock, SystemClock
from outgrow.context import Context
from outgrow.contracts import Method
from outgrow.errors import ServiceUnreachable

RETRY_SECONDS_MAX: Final = 5.0
"""How long a call is tried again, if its deadline allows; a process starts again in less."""

PAUSE_SECONDS: Final = 0.02
PAUSE_SECONDS_MAX: Final = 0.5


class Retrying:
    """
    Tries calls again that met `ServiceUnreachable`, if that can do no harm.

    That is: what has not run, whatever it is, and what may have run if its contract makes a repeat
    safe: a query, or a command under its key. The pauses grow, each drawn between nothing and its
    bound (full jitter), so that callers do not come back all at once.
    """

    def __init__(self, transport: Transport, clock: Clock | None = None) -> None:
        self._transport = transport
        # Other processes start and stop in real time, whatever time a test has it be.
        self._clock = clock or SystemClock()

    def bind(self, method: Method) -> Invoke:
        """What executes *method*, and again if need be."""
        invoke = self._transport.bind(method)
        is_repeatable = method.repeat != "unsafe"

        async def invoke_until_reached(context: Context, *arguments: Any) -> Any:
            attempt, give_up_at, may_have_run = 0, 0.0, False
            while True:
                try:
                    return await invoke(context, *arguments)
                except ServiceUnreachable as error:
                    may_have_run |= error.may_have_run
                    now = self._clock.monotonic()
                    give_up_at = give_up_at or now + RETRY_SECONDS_MAX
                    pause = random.uniform(0, min(PAUSE_SECONDS * 2**attempt, PAUSE_SECONDS_MAX))  # noqa: S311 - no secret
                    if now + pause >= give_up_at or (may_have_run and not is_repeatable):
                        error.may_have_run = may_have_run
                        raise
                attempt += 1
                await self._clock.sleep(pause)

        return invoke_until_reached

    async def close(self) -> None:
        """Close what carries the calls."""
        await self._transport.close()
