"""On whose behalf a saga does what it does, and under which keys."""

from __future__ import annotations

import hashlib
from typing import Any, Final, Literal

from outgrow.clock import Clock
from outgrow.context import Context, new_span_id, new_trace_id, parse_traceparent
from outgrow.journal import time_of
from outgrow.sagas import book
from outgrow.sagas.book import PLANNED, SagaRow, StepRow

CALL_SECONDS: Final = 10.0
"""How long one attempt at a step, an undo or a query may take, if its contract says nothing."""

Direction = Literal["do", "undo"]


def own_context(row: SagaRow, clock: Clock, held: Any) -> Context:
    """
    The context of a saga's method: who began it, and its own time.

    Args:
        held: What stands between its clients and the services that they call.
    """
    trace = parse_traceparent(row.trace)
    left = (time_of(row.deadline_at) - clock.now()).total_seconds()
    return Context(
        caller=book.caller_of(row.caller),
        correlation_id=row.correlation_id,
        trace_id=trace[0] if trace else new_trace_id(),
        span_id=new_span_id(),
        deadline=clock.monotonic() + left,
        method=row.method,
        key=row.id,
        transaction=held,
    )


def call_context(own: Context, clock: Clock, row: StepRow, direction: Direction) -> Context:
    """
    The context of a call for the step *row*, under one key however often it is made.

    An undo of which nobody knows whether its step arrived says which one that is.
    """
    is_do = direction == "do"
    is_unknown = not is_do and row.state == PLANNED
    return Context(
        caller=own.caller,
        correlation_id=own.correlation_id,
        trace_id=own.trace_id,
        span_id=new_span_id(),
        deadline=clock.monotonic() + CALL_SECONDS,
        method=row.name if is_do else row.undo or "",
        key=None if row.kind == "query" else step_key(row, direction),
        via=own.method.partition(".")[0],
        undoes=f"{row.name} {step_key(row, 'do')}" if is_unknown else "",
    )


def step_key(row: StepRow, direction: Direction) -> str:
    """The key under which a step is called: of its saga, its place and name, and the direction."""
    text = f"{row.saga}\n{row.number}\n{row.name}\n{direction}"
    return hashlib.sha256(text.encode()).hexdigest()
