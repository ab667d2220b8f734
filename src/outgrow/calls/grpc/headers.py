"""
What travels beside the arguments: who asks, until when, under which key and trace.

Each entry of a call's metadata costs processor time on both sides, so there are two:
``traceparent`` stands alone since every proxy and tracer reads it; ``outgrow-bin`` holds the rest.
The deadline is also the call's own ``grpc-timeout``, which everyone on the way keeps but rounds.

A caller that sends neither is a stranger: it gets a correlation id, a trace and a deadline. One
that is outgrow also tells the fingerprint of its contract: what it means by the call.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

import msgspec

from outgrow.calls.arguments import check_key
from outgrow.calls.deadlines import DEADLINE_SECONDS_DEFAULT, STREAM_SECONDS_DEFAULT
from outgrow.calls.grpc.revisions import Admission
from outgrow.context import (
    Caller,
    Context,
    new_id,
    new_span_id,
    new_trace_id,
    parse_traceparent,
)
from outgrow.contracts import Method
from outgrow.errors import CallRefused

TRACE_HEADER = "traceparent"
OUTGROW_HEADER = "outgrow-bin"
WAITED_SECONDS_MIN = 0.005
"""What is less is taken for nothing: the way from the wire to Python."""
REMAINING_SECONDS_MAX = 31_536_000.0
"""A caller that says more has so much, a year."""


class _Luggage(msgspec.Struct, array_like=True, frozen=True):
    """The content of ``outgrow-bin``. Grows at its end; old readers skip what is new."""

    remaining_seconds: float
    caller: Caller
    correlation_id: str
    key: str | None
    via: str
    fingerprint: bytes = b""
    undoes: str = ""


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Luggage).decode


def pack(
    context: Context, remaining_seconds: float, fingerprint: bytes
) -> tuple[tuple[str, str | bytes], ...]:
    """The metadata that carries *context*, and the contract's *fingerprint*, to the other side."""
    luggage = _Luggage(
        remaining_seconds,
        context.caller,
        context.correlation_id,
        context.key,
        context.via,
        fingerprint,
        context.undoes,
    )
    return (TRACE_HEADER, context.traceparent), (OUTGROW_HEADER, _encode(luggage))


def is_stranger(metadata: Iterable[tuple[str, str | bytes]]) -> bool:
    """Whether the caller that sent *metadata* is no outgrow."""
    return all(name != OUTGROW_HEADER for name, _ in metadata)


def unpack(  # noqa: PLR0917 - called in one place, for each call
    method: Method,
    admission: Admission,
    metadata: Iterable[tuple[str, str | bytes]],
    ask_remaining: Callable[[], float | None],
    now: float,
    stranger: Caller,
) -> Context:
    """
    The context in which the callee executes.

    Args:
        admission: Says which revisions of the method's contract are let in.
        metadata: As it came.
        ask_remaining: Tells what the native timeout leaves, which is rounded up when it is sent.
            It runs since the call came to this machine, so that it tells how long gRPC kept it.
        now: The time by the callee's clock; deadlines are absolute on it.
        stranger: Who a caller without ``outgrow-bin`` is taken for.

    Raises:
        CallRefused: ``outgrow-bin`` cannot be read.
        ArgumentsRefused: The key in it cannot be one.
        ContractDiffers: The caller has a revision of the contract that is not let in.
    """
    traceparent = luggage = None
    for name, value in metadata:
        if name == OUTGROW_HEADER:
            luggage = value
        elif name == TRACE_HEADER:
            traceparent = value
    trace = parse_traceparent(traceparent) if isinstance(traceparent, str) else None
    if not isinstance(luggage, bytes):
        return _welcome(method, trace, ask_remaining(), now, stranger)
    read = _read(method, luggage)
    if read.fingerprint != admission.fingerprint and read.fingerprint:
        admission.check(method, read.fingerprint)
    trace_id, span_id = trace or (new_trace_id(), new_span_id())
    remaining, native = min(read.remaining_seconds, REMAINING_SECONDS_MAX), ask_remaining()
    # Both clocks are this machine's, so that it does not matter what the caller's says.
    waited = 0.0 if native is None else remaining - native
    if waited < WAITED_SECONDS_MIN:
        waited = 0.0
    return Context(
        caller=read.caller,
        correlation_id=read.correlation_id,
        trace_id=trace_id,
        span_id=span_id,
        deadline=now + remaining - waited,
        method=method.full_name,
        key=None if read.key is None else check_key(method, read.key),
        via=read.via,
        waited=waited,
        undoes=read.undoes,
    )


def _read(method: Method, luggage: bytes) -> _Luggage:
    try:
        read = _decode(luggage)
        if not math.isfinite(read.remaining_seconds):
            # It would be no deadline, and the limiter could not reckon with it.
            message = f"{read.remaining_seconds} seconds are no time that remains"
            raise msgspec.ValidationError(message)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        message = (
            f"its {OUTGROW_HEADER} metadata cannot be read: {error}. Leave it out unless the "
            "caller runs a version of outgrow that this process understands."
        )
        raise CallRefused(method.full_name, message) from error
    return read


def _welcome(
    method: Method,
    trace: tuple[int, int] | None,
    remaining_seconds: float | None,
    now: float,
    stranger: Caller,
) -> Context:
    """The beginning of a request that comes from no outgrow."""
    if remaining_seconds is None:
        usual = STREAM_SECONDS_DEFAULT if method.is_streaming else DEADLINE_SECONDS_DEFAULT
        remaining_seconds = method.deadline_seconds or usual
    elif method.deadline_seconds is not None:
        remaining_seconds = min(remaining_seconds, method.deadline_seconds)
    return Context(
        caller=stranger,
        correlation_id=new_id(),
        trace_id=trace[0] if trace else new_trace_id(),
        span_id=new_span_id(),
        deadline=now + remaining_seconds,
        method=method.full_name,
    )
