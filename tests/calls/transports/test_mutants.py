"""Transports with a bug: the suite finds each of them."""

from __future__ import annotations

from contextlib import AsyncExitStack

import msgspec
import pytest

from outgrow.calls import Reception
from outgrow.errors import CallError, CallFailed, CallTimedOut
from outgrow.testing.transports import Bench, TransportConformance, behaviours
from tests.calls.transports.callees import Here, OverUnix


class Wrapped:
    """A transport that does something to each call; `spoil` says what."""

    def __init__(self, transport, spoil):
        self._transport, self._spoil = transport, spoil

    def bind(self, method):
        invoke = self._transport.bind(method)
        if method.is_reply_stream:
            return invoke
        return self._spoil(method, invoke)

    async def close(self):
        await self._transport.close()


def changing(**fields):
    """A bug that loses something of the context."""

    def spoil(method, invoke):
        async def invoke_changed(context, *arguments):
            return await invoke(msgspec.structs.replace(context, **fields), *arguments)

        return invoke_changed

    return spoil


def sharing(method, invoke):
    """The callee gets the caller's own objects."""

    async def invoke_shared(context, *arguments):
        return await Sharing.doors.bind(method)(context, *arguments)

    return invoke_shared


def twice(method, invoke):
    """Everything is sent twice, even what must not be."""

    async def invoke_twice(context, *arguments):
        await invoke(context, *arguments)
        return await invoke(context.again(), *arguments)

    return invoke_twice


def flattening(method, invoke):
    """Each error becomes the same one."""

    async def invoke_flat(context, *arguments):
        try:
            return await invoke(context, *arguments)
        except CallTimedOut:
            raise
        except CallError as error:
            raise CallFailed(method.full_name, "builtins.Exception", str(error)) from error

    return invoke_flat


def pessimist(method, invoke):
    """Whatever fails may have run."""

    async def invoke_pessimistic(context, *arguments):
        try:
            return await invoke(context, *arguments)
        except CallError as error:
            error.may_have_run = True
            raise

    return invoke_pessimistic


def optimist(method, invoke):
    """Whatever fails has not run."""

    async def invoke_optimistic(context, *arguments):
        try:
            return await invoke(context, *arguments)
        except CallError as error:
            error.may_have_run = False
            raise

    return invoke_optimistic


class Sharing(Here):
    """In one process, without copies."""

    doors: Reception

    def __init__(self, reception, models, clock):
        super().__init__(reception, models, clock)
        Sharing.doors = reception


MUTANTS = {
    "drops the key": (Here, changing(key=None), "test_a_repeat_has_no_second_effect"),
    "swallows the deadline": (
        OverUnix,
        changing(deadline=float(2**30)),
        "test_the_callee_has_no_more_time_than_its_caller",
    ),
    "shares references": (Sharing, sharing, "test_the_callee_does_not_see_what_its_caller"),
    "drops the caller": (
        OverUnix,
        changing(via="x"),
        "test_the_service_that_calls_is_told",
    ),
    "forgets what an undo undoes": (
        OverUnix,
        changing(undoes=""),
        "test_the_step_that_an_undo_undoes_is_told",
    ),
    "sends twice": (Here, twice, "test_calls_one_after_the_other_begin_in"),
    "flattens errors": (Here, flattening, "test_each_error_of_a_call_arrives_as_itself"),
    "says that nothing ran": (Here, optimist, "test_each_error_of_a_call_arrives_as_itself"),
    "says that all ran": (Here, pessimist, "test_each_error_of_a_call_arrives_as_itself"),
}


def found_by(name):
    """The behaviour whose name begins with *name*."""
    (found,) = [one for one in behaviours() if one.startswith(name)]
    return getattr(TransportConformance, found)


async def play(make, behaviour):
    """Run one behaviour as pytest would."""
    async with AsyncExitStack() as stack:
        bench = Bench(make, stack, None)
        await bench.open()
        await behaviour(TransportConformance(), bench)


@pytest.mark.parametrize("name", MUTANTS)
async def test_a_bug_is_found(name):
    callee, spoil, behaviour = MUTANTS[name]

    class Spoilt(callee):
        def connect(self, models):
            return Wrapped(super().connect(models), spoil)

    await play(callee if callee is not Sharing else Here, found_by(behaviour))
    with pytest.raises((AssertionError, pytest.fail.Exception, CallError)):
        await play(Spoilt, found_by(behaviour))
