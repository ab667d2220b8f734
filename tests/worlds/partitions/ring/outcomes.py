"""What became of a call."""

from __future__ import annotations

from collections.abc import Awaitable
from time import perf_counter

from outgrow import Record
from outgrow.errors import CallError


class Outcome(Record):
    """How a call ended."""

    error: str = ""
    may_have_run: bool = True
    reply: str = ""
    seconds: float = 0.0


async def outcome_of(call: Awaitable[object]) -> Outcome:
    """What becomes of *call*, and in which time."""
    began = perf_counter()
    try:
        reply = str(await call)
    except CallError as error:
        seconds = perf_counter() - began
        return Outcome(error=type(error).__name__, may_have_run=error.may_have_run, seconds=seconds)
    return Outcome(reply=reply, seconds=perf_counter() - began)
