"""What a call has waited in gRPC is part of its deadline, and told to the limiter."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator

import pytest

from outgrow.calls.grpc.headers import (
    REMAINING_SECONDS_MAX,
    WAITED_SECONDS_MIN,
    pack,
    unpack,
)
from outgrow.calls.grpc.revisions import Admission, Revisions
from outgrow.context import SYSTEM, Caller, Context
from outgrow.contracts import Contract, query, read_contract
from outgrow.errors import CallRefused


class Clerk(Contract):
    @query()
    async def ask(self) -> int: ...

    @query()
    def watch(self) -> AsyncIterator[int]: ...


MODEL = read_contract(Clerk)
METHOD = MODEL.methods["ask"]
ADMISSION = Admission(MODEL, Revisions().of(MODEL))


def arrived(*, sent: float, native: float | None, now: float = 1_000.0) -> Context:
    """The context of a call that had *sent* seconds, of which gRPC says *native* remain."""
    context = Context(
        caller=SYSTEM, correlation_id="c", trace_id=1, span_id=2, deadline=50.0, method="m"
    )
    metadata = pack(context, sent, b"")
    return unpack(METHOD, ADMISSION, metadata, lambda: native, now, Caller())


def test_what_grpc_kept_of_the_time_is_gone() -> None:
    context = arrived(sent=2.0, native=0.5)

    assert context.waited == pytest.approx(1.5)
    assert context.deadline == pytest.approx(1_000.5)


@pytest.mark.parametrize("native", [2.01, 2.0, 2.0 - WAITED_SECONDS_MIN / 2, None])
def test_a_timeout_that_was_rounded_is_no_wait(native: float | None) -> None:
    context = arrived(sent=2.0, native=native)

    assert context.waited == 0.0
    assert context.deadline == 1_002.0


@pytest.mark.parametrize("native", [5.0, None])
@pytest.mark.parametrize("sent", [math.nan, math.inf, -math.inf])
def test_seconds_that_are_no_number_are_refused(sent: float, native: float | None) -> None:
    with pytest.raises(CallRefused, match="no time that remains"):
        arrived(sent=sent, native=native)


@pytest.mark.parametrize("native", [None, 1e9])
def test_nobody_has_more_than_a_year(native: float | None) -> None:
    context = arrived(sent=1e308, native=native)

    assert context.waited == 0.0
    assert context.deadline == 1_000.0 + REMAINING_SECONDS_MAX


@pytest.mark.parametrize(
    ("name", "native", "seconds"), [("ask", None, 10), ("watch", None, 3_600), ("watch", 7.0, 7)]
)
def test_a_stranger_without_a_deadline_has_an_hour_for_a_stream(
    name: str, native: float | None, seconds: float
) -> None:
    method = MODEL.methods[name]

    context = unpack(method, ADMISSION, (), lambda: native, 1_000.0, Caller())

    assert context.deadline == 1_000.0 + seconds


def test_nothing_of_the_callers_clock_travels() -> None:
    early, late = arrived(sent=2.0, native=2.0, now=5.0), arrived(sent=2.0, native=2.0, now=5e6)

    assert early.deadline - 5.0 == late.deadline - 5e6 == 2.0
