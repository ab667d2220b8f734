"""Streams to processes that are not there for a moment: which are begun again."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator

import pytest

from outgrow.calls import Patience
from outgrow.calls.reaching import Retrying
from outgrow.clock import SystemClock
from outgrow.context import SYSTEM, Context, new_span_id, new_trace_id
from outgrow.contracts import Contract, Problem, command, query, read_contract
from outgrow.errors import CallFailed, ServiceUnreachable

AWAY, CUT = False, True
"""Whether an attempt that met nobody may have run."""


class Empty(Problem, status="not_found"):
    """There is nothing."""


class River(Contract):
    """Flows."""

    @query(raises=[Empty])
    def flow(self) -> AsyncIterator[int]: ...

    @command(repeat="unsafe")
    def open(self) -> AsyncIterator[int]: ...

    @query()
    async def add(self, numbers: AsyncIterator[int]) -> int: ...

    @query()
    def echo(self, numbers: AsyncIterator[int]) -> AsyncIterator[int]: ...


METHODS = read_contract(River).methods


class Script:
    """
    A transport whose attempts do what they are told, one after another.

    An attempt is a list: an item to give, ``"take"`` to take one from the caller, whether nobody
    was met, or what is raised.
    """

    def __init__(self, *attempts):
        self.attempts = list(attempts)
        self.contexts = []
        self.taken = []

    def bind(self, method):
        return self.stream if method.is_reply_stream else self.execute

    async def stream(self, context, *given):
        self.contexts.append(context)
        try:
            for step in self.attempts.pop(0):
                if step == "take":
                    self.taken.append(await anext(given[0]))
                elif isinstance(step, bool):
                    raise ServiceUnreachable("river.flow", "nobody", may_have_run=step)
                elif isinstance(step, Exception):
                    raise step
                else:
                    yield step
        finally:
            for items in given:
                await items.aclose()

    async def execute(self, context, *given):
        reply = None
        async for item in self.stream(context, *given):
            reply = item
        return reply

    async def close(self):
        pass


class Source:
    """The caller's stream."""

    def __init__(self):
        self.asked = 0
        self.closed = 0

    def __aiter__(self):
        return self

    async def __anext__(self):
        self.asked += 1
        return self.asked

    async def aclose(self):
        self.closed += 1


def retrying(*attempts):
    script, patience = Script(*attempts), Patience(5.0, 1.0)
    return script, patience, Retrying(script, SystemClock(), patience)


def context():
    return Context(
        caller=SYSTEM,
        correlation_id="c",
        trace_id=new_trace_id(),
        span_id=new_span_id(),
        deadline=math.inf,
    )


async def read(stream):
    seen = []
    try:
        async for item in stream:
            seen.append(item)  # noqa: PERF401 - a list would be lost with the error
    except (Problem, CallFailed, ServiceUnreachable) as error:
        return seen, error
    return seen, None


@pytest.mark.parametrize("name", ["flow", "open"])
async def test_a_stream_that_did_not_begin_is_begun_again(name):
    script, patience, transport = retrying([AWAY], [AWAY], [1, 2])

    assert await read(transport.bind(METHODS[name])(context())) == ([1, 2], None)

    assert patience.retried == 2
    assert len({each.span_id for each in script.contexts}) == 3


async def test_an_empty_stream_is_an_answer():
    script, _, transport = retrying([AWAY], [], [1])

    assert await read(transport.bind(METHODS["flow"])(context())) == ([], None)

    assert len(script.contexts) == 2


async def test_a_query_that_was_cut_before_its_first_item_is_begun_again():
    _, _, transport = retrying([CUT], [1])

    assert await read(transport.bind(METHODS["flow"])(context())) == ([1], None)


async def test_an_unsafe_stream_that_may_have_begun_is_not_begun_again():
    script, _, transport = retrying([CUT], [1])

    seen, error = await read(transport.bind(METHODS["open"])(context()))

    assert (seen, error.may_have_run, len(script.contexts)) == ([], True, 1)


@pytest.mark.parametrize("met", [AWAY, CUT])
async def test_a_stream_is_not_begun_again_after_an_item(met):
    script, patience, transport = retrying([1, met], [1])

    seen, error = await read(transport.bind(METHODS["flow"])(context()))

    assert (seen, error.may_have_run, len(script.contexts)) == ([1], met, 1)
    assert (patience.retried, patience.given_up) == (0, 0)


@pytest.mark.parametrize("answer", [Empty(), CallFailed("river.flow", "KeyError", "no")])
async def test_an_answer_is_passed_on(answer):
    _, _, transport = retrying([AWAY], [answer], [1])

    assert await read(transport.bind(METHODS["flow"])(context())) == ([], answer)


@pytest.mark.parametrize("name", ["add", "echo"])
async def test_what_is_given_is_kept_until_an_item_is_asked_for(name):
    script, _, transport = retrying([AWAY], [CUT], ["take", 7])
    source = Source()
    call = transport.bind(METHODS[name])(context(), source)

    assert await (call if name == "add" else read(call)) == (7 if name == "add" else ([7], None))

    assert script.taken == [1]
    assert source.closed >= 1


@pytest.mark.parametrize("name", ["add", "echo"])
async def test_nothing_is_begun_again_once_an_item_was_asked_for(name):
    script, patience, transport = retrying([AWAY], ["take", CUT], [7])
    source = Source()
    call = transport.bind(METHODS[name])(context(), source)

    if name == "add":
        with pytest.raises(ServiceUnreachable) as caught:
            await call
        error = caught.value
    else:
        _, error = await read(call)

    assert error.may_have_run
    assert (len(script.contexts), patience.retried) == (2, 1)
    assert source.closed >= 1


async def test_closing_a_stream_closes_the_attempt():
    script, _, transport = retrying([AWAY], ["take", 1, 2])
    source = Source()
    stream = transport.bind(METHODS["echo"])(context(), source)

    assert await anext(stream) == 1
    await stream.aclose()

    assert source.closed >= 1
    assert len(script.contexts) == 2
