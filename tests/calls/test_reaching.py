"""Calls to processes that are not there for a moment: which are made again, and until when."""

from __future__ import annotations

import asyncio
import math

import pytest

from outgrow.calls import Patience
from outgrow.calls.reaching import Retrying, Routed
from outgrow.clock import ManualClock, SystemClock
from outgrow.context import SYSTEM, Context, new_span_id, new_trace_id
from outgrow.contracts import Problem, read_contract
from outgrow.errors import CallRefused, CallTimedOut, ServiceUnreachable
from tests.calls.grpc.workshop import Broken, Workshop

METHODS = read_contract(Workshop).methods
AWAY, CUT = False, True
"""Whether an attempt that met nobody may have run: the process was away, or the call was cut."""


class Script:
    """A transport whose attempts end as they are told; the last ending is repeated."""

    def __init__(self, *endings):
        self.endings = list(endings)
        self.contexts = []
        self.closed = 0
        self._begun = asyncio.Semaphore(0)

    def bind(self, method):
        async def invoke(context, *arguments):
            self.contexts.append(context)
            self._begun.release()
            ending = self.endings.pop(0) if len(self.endings) > 1 else self.endings[0]
            if isinstance(ending, bool):
                raise ServiceUnreachable(method.full_name, "nobody", may_have_run=ending)
            if isinstance(ending, BaseException):
                raise ending
            return ending

        return invoke

    async def wait_attempts(self, count):
        for _ in range(count):
            await self._begun.acquire()

    async def close(self):
        self.closed += 1


def context(deadline=math.inf, **fields):
    return Context(
        caller=SYSTEM,
        correlation_id="c",
        trace_id=new_trace_id(),
        span_id=new_span_id(),
        deadline=deadline,
        **fields,
    )


def retrying(*endings, seconds_max=5.0, stopping_seconds_max=1.0, clock=None):
    script, patience = Script(*endings), Patience(seconds_max, stopping_seconds_max)
    return script, patience, Retrying(script, clock or SystemClock(), patience)


@pytest.mark.parametrize("name", ["echo", "make", "forget"])
async def test_what_has_not_run_is_called_again_whatever_it_is(name):
    script, patience, transport = retrying(AWAY, AWAY, "reply")

    assert await transport.bind(METHODS[name])(context()) == "reply"

    assert len(script.contexts) == 3
    assert (patience.retried, patience.given_up) == (2, 0)


@pytest.mark.parametrize("name", ["echo", "make"])
async def test_what_may_have_run_is_called_again_if_that_is_safe(name):
    script, _, transport = retrying(CUT, AWAY, CUT, "reply")

    assert await transport.bind(METHODS[name])(context()) == "reply"

    assert len(script.contexts) == 4


async def test_an_unsafe_command_that_may_have_run_is_never_called_again():
    script, patience, transport = retrying(AWAY, CUT, "reply")

    with pytest.raises(ServiceUnreachable) as caught:
        await transport.bind(METHODS["forget"])(context())

    assert caught.value.may_have_run is True
    assert len(script.contexts) == 2
    assert patience.given_up == 1


@pytest.mark.parametrize("first", [AWAY, CUT])
@pytest.mark.parametrize(
    "last",
    [CallRefused("workshop.echo", "no"), CallTimedOut("workshop.echo", may_have_run=False), AWAY],
)
async def test_the_final_error_speaks_of_all_attempts(first, last):
    _, _, transport = retrying(first, last, seconds_max=0.1)

    with pytest.raises((CallRefused, CallTimedOut, ServiceUnreachable)) as caught:
        await transport.bind(METHODS["echo"])(context())

    assert caught.value.may_have_run is first
    if last is not AWAY:
        last.may_have_run = False


async def test_a_problem_is_a_reply_and_is_not_asked_for_again():
    script, _, transport = retrying(AWAY, Broken(name="a", pieces=[]), "never")

    with pytest.raises(Problem):
        await transport.bind(METHODS["make"])(context())

    assert len(script.contexts) == 2


async def test_a_call_is_given_up_after_its_time():
    script, patience, transport = retrying(AWAY, seconds_max=0.3)
    loop = asyncio.get_running_loop()
    started = loop.time()

    with pytest.raises(ServiceUnreachable) as caught:
        await transport.bind(METHODS["echo"])(context())

    assert loop.time() - started < 1.0
    assert caught.value.may_have_run is False
    assert len(script.contexts) > 1
    assert patience.statistics() == {
        "retried": len(script.contexts) - 1,
        "given_up": 1,
        "retry_seconds_max": 0.3,
    }


async def test_a_call_is_given_up_before_its_deadline():
    _, _, transport = retrying(CUT)
    deadline = SystemClock().monotonic() + 1.0

    with pytest.raises(ServiceUnreachable):
        await transport.bind(METHODS["echo"])(context(deadline))

    assert SystemClock().monotonic() < deadline


async def test_a_deadline_that_has_passed_lets_nothing_be_called_again():
    script, _, transport = retrying(AWAY, "reply", clock=ManualClock())

    with pytest.raises(ServiceUnreachable):
        await transport.bind(METHODS["echo"])(context(deadline=0.0))

    assert len(script.contexts) == 1


async def test_others_are_waited_for_in_real_time_though_the_clock_stands_still():
    _, _, transport = retrying(AWAY, AWAY, AWAY, "reply", clock=ManualClock())

    assert await transport.bind(METHODS["echo"])(context(deadline=10.0)) == "reply"


async def test_each_attempt_is_the_same_call_under_a_span_of_its_own():
    script, _, transport = retrying(AWAY, CUT, "reply")
    given = context(key="k", via="orders", ordinals={"a": 1}, unanswered={"b": ["c"]})

    await transport.bind(METHODS["make"])(given, "bolt", 1)

    first, *others = script.contexts
    assert first is given
    assert len({context.span_id for context in script.contexts}) == 3
    for other in others:
        for name in ("caller", "correlation_id", "trace_id", "deadline", "method", "key", "via"):
            assert getattr(other, name) == getattr(given, name), name
        assert (other.watch, other.ordinals, other.unanswered) == (None, None, None)


async def test_a_process_that_stops_waits_for_a_moment_only():
    script, patience, transport = retrying(AWAY, stopping_seconds_max=0.3)
    loop = asyncio.get_running_loop()
    echo = transport.bind(METHODS["echo"])

    async def call():
        with pytest.raises(ServiceUnreachable):
            await echo(context())

    async with asyncio.TaskGroup() as group:
        for _ in range(8):
            group.create_task(call())
        await script.wait_attempts(24)
        patience.stop()
        stopped = loop.time()
    await call()

    assert loop.time() - stopped < 1.0
    assert patience.given_up == 9


async def test_what_waits_when_a_process_begins_to_stop_is_tried_at_once():
    script, patience, transport = retrying(AWAY)
    loop = asyncio.get_running_loop()

    async with asyncio.TaskGroup() as group:
        call = group.create_task(transport.bind(METHODS["forget"])(context()))
        await script.wait_attempts(8)
        # It would wait for half a second now, more or less; the other process is there by now.
        script.endings = ["reply"]
        patience.stop()
        stopped = loop.time()

    assert call.result() == "reply"
    assert loop.time() - stopped < 0.2


async def test_a_process_that_stops_still_waits_for_one_that_starts():
    script, patience, transport = retrying(AWAY)
    patience.stop()

    def start():
        script.endings = ["reply"]

    asyncio.get_running_loop().call_later(0.25, start)
    assert await transport.bind(METHODS["forget"])(context()) == "reply"
    assert len(script.contexts) < 50, "there are pauses all the same"


async def test_a_caller_that_gives_up_ends_the_attempts():
    script, _, transport = retrying(CUT)
    async with asyncio.TaskGroup() as group:
        call = group.create_task(transport.bind(METHODS["echo"])(context()))
        await script.wait_attempts(4)
        call.cancel()

    assert call.cancelled()
    assert len(script.contexts) == 4


async def test_each_call_goes_to_where_its_service_is():
    local, remote, asked = Script("here"), Script("there"), []

    def find(service):
        asked.append(service)
        return remote

    here = Routed(local, frozenset({"workshop"}), find)
    there = Routed(local, frozenset({"other"}), find)

    assert await here.bind(METHODS["echo"])(context()) == "here"
    assert not asked
    assert await there.bind(METHODS["echo"])(context()) == "there"
    assert await there.bind(METHODS["make"])(context()) == "there"
    assert asked == ["workshop"]


async def test_a_transport_that_several_services_share_is_closed_once():
    local, remote = Script(None), Script(None)
    routed = Routed(local, frozenset(), lambda _: remote)
    routed.bind(METHODS["echo"])
    routed._transports["another"] = remote

    await routed.close()

    assert (local.closed, remote.closed) == (1, 1)
