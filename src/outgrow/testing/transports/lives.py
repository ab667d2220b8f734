"""Callees that come and go, and transports that are closed."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from outgrow.calls import using
from outgrow.errors import CallError, CallFailed, ServiceUnreachable
from outgrow.testing.transports.bench import PATIENCE_SECONDS, Bench, needs


async def _echo(text: str) -> str:
    return text


async def _hang(*_arguments: Any) -> Any:
    await asyncio.Event().wait()


async def reached(bench: Bench, client: Any) -> str:
    """The reply once the callee is reached again."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            try:
                return str(await client.echo("again"))
            except ServiceUnreachable:
                await bench.clock.sleep(0.01)


class Lives:
    """Callees that come and go, and transports that are closed."""

    async def test_a_transport_may_be_closed_twice(self, bench: Bench) -> None:
        transport = bench.connect()
        await transport.close()
        await transport.close()

    async def test_a_transport_that_was_never_used_can_be_closed(self, bench: Bench) -> None:
        bench.on("echo", _echo)
        await bench.connect().close()

        assert await bench.client.echo("x") == "x"

    async def test_a_method_may_be_bound_often(self, bench: Bench) -> None:
        bench.on("echo", _echo)
        context = bench.context("echo")
        for _ in range(3):
            assert await bench.transport.bind(bench.method(context))(context.again(), "x") == "x"

    @needs("closing")
    async def test_nothing_can_be_called_after_the_end(self, bench: Bench) -> None:
        bench.on("echo", _echo)
        await bench.client.echo("x")
        await bench.transport.close()

        with pytest.raises(ServiceUnreachable) as caught:
            await bench.client.echo("x")

        assert caught.value.may_have_run is False
        assert bench.entered("echo") == 1

    @needs("closing")
    async def test_calls_under_way_end_with_their_transport(self, bench: Bench) -> None:
        bench.on("wait", _hang)
        async with asyncio.TaskGroup() as tasks:
            call = tasks.create_task(_met(bench.client.wait()))
            await bench.until_entered("wait")
            await bench.transport.close()

        met = call.result()
        assert isinstance(met, ServiceUnreachable)
        assert met.may_have_run is True
        await bench.subject.until(lambda: bench.subject.cancelled == 1)

    @needs("closing")
    async def test_one_transport_ends_and_the_others_go_on(self, bench: Bench) -> None:
        gate = asyncio.Event()

        async def echo(text: str) -> str:
            await gate.wait()
            return text

        bench.on("echo", echo)
        other = bench.connect()
        client = bench.client_of(other)
        async with asyncio.TaskGroup() as tasks:
            call = tasks.create_task(client.echo("still here"))
            await bench.until_entered("echo")
            await bench.transport.close()
            gate.set()

        assert call.result() == "still here"

    @needs("away")
    async def test_a_callee_that_is_not_there_has_not_run_anything(self, bench: Bench) -> None:
        bench.on("echo", _echo)
        await bench.callee.stop(0)

        with pytest.raises(ServiceUnreachable) as caught:
            await bench.client_of(bench.connect()).echo("x")

        assert caught.value.may_have_run is False
        assert caught.value.method == "transports.echo"
        assert not bench.subject.calls

    @needs("away")
    async def test_a_callee_that_comes_later_is_reached(self, bench: Bench) -> None:
        bench.on("echo", _echo)
        await bench.callee.stop(0)
        client = bench.client_of(bench.connect())
        with pytest.raises(ServiceUnreachable):
            await client.echo("x")

        await bench.callee.start()

        assert await reached(bench, client) == "again"

    @needs("away")
    async def test_a_callee_that_starts_again_is_reached_by_the_same_transport(
        self, bench: Bench
    ) -> None:
        bench.on("echo", _echo)
        for _ in range(2):
            assert await reached(bench, bench.client) == "again"
            await bench.callee.stop(0)
            with pytest.raises(ServiceUnreachable):
                await bench.client.echo("x")
            await bench.callee.start()

        assert await reached(bench, bench.client) == "again"

    @needs("away")
    async def test_a_call_that_is_cut_may_have_run(self, bench: Bench) -> None:
        bench.on("wait", _hang)
        async with asyncio.TaskGroup() as tasks:
            call = tasks.create_task(_met(bench.client.wait()))
            await bench.until_entered("wait")
            await bench.callee.stop(0)

        met = call.result()
        assert isinstance(met, ServiceUnreachable)
        assert met.may_have_run is True

    @needs("away")
    async def test_all_calls_that_are_cut_are_told(self, bench: Bench) -> None:
        bench.on("wait", _hang)
        async with asyncio.TaskGroup() as tasks:
            calls = [tasks.create_task(_met(bench.client.wait())) for _ in range(20)]
            await bench.until_entered("wait", 20)
            await bench.callee.stop(0)

        assert {type(call.result()) for call in calls} == {ServiceUnreachable}

    @needs("away")
    async def test_a_callee_that_ends_cancels_what_goes_on(self, bench: Bench) -> None:
        bench.on("wait", _hang)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(_met(bench.client.wait()))
            await bench.until_entered("wait")
            await bench.callee.stop(0)

        await bench.subject.until(lambda: bench.subject.cancelled == 1)
        await bench.until_idle()

    @needs("away")
    async def test_calls_under_way_may_finish_while_the_callee_ends(self, bench: Bench) -> None:
        gate = asyncio.Event()

        async def echo(text: str) -> str:
            await gate.wait()
            return text

        bench.on("echo", echo)
        async with asyncio.TaskGroup() as tasks:
            calls = [tasks.create_task(bench.client.echo(str(n))) for n in range(5)]
            await bench.until_entered("echo", 5)
            stop = tasks.create_task(bench.callee.stop(PATIENCE_SECONDS))
            await bench.clock.sleep(0)
            gate.set()
            await stop

        assert [call.result() for call in calls] == list("01234")

    @needs("away")
    async def test_what_outlives_the_grace_is_cut(self, bench: Bench) -> None:
        bench.on("wait", _hang)
        async with asyncio.TaskGroup() as tasks:
            call = tasks.create_task(_met(bench.client.wait()))
            await bench.until_entered("wait")
            await bench.callee.stop(0.15)

        met = call.result()
        assert isinstance(met, ServiceUnreachable)
        assert met.may_have_run is True

    @needs("away")
    async def test_who_comes_while_the_callee_ends_has_not_run(self, bench: Bench) -> None:
        gate = asyncio.Event()

        async def wait() -> str:
            await gate.wait()
            return "finished"

        bench.on("wait", wait)
        bench.on("echo", _echo)
        async with asyncio.TaskGroup() as tasks:
            first = tasks.create_task(bench.client.wait())
            await bench.until_entered("wait")
            stop = tasks.create_task(bench.callee.stop(PATIENCE_SECONDS))
            met = await _until_refused(bench)
            assert met.may_have_run is False
            gate.set()
            await stop

        assert first.result() == "finished"

    @needs("away")
    async def test_a_deadline_holds_while_nobody_is_there(self, bench: Bench) -> None:
        await bench.callee.stop(0)
        client = using(bench.client_of(bench.connect()), deadline=0.2)
        started = bench.clock.monotonic()

        with pytest.raises(CallError) as caught:
            await client.echo("x")

        assert not isinstance(caught.value, CallFailed)
        assert bench.clock.monotonic() - started < PATIENCE_SECONDS

    @needs("away")
    async def test_a_caller_that_is_gone_ends_what_it_asked_for(self, bench: Bench) -> None:
        bench.on("wait", _hang)
        transport = bench.connect()
        client = bench.client_of(transport)
        async with asyncio.TaskGroup() as tasks:
            calls = [tasks.create_task(_met(client.wait())) for _ in range(3)]
            await bench.until_entered("wait", 3)
            await transport.close()
            await asyncio.wait(calls)

        await bench.subject.until(lambda: bench.subject.cancelled == 3)
        await bench.until_idle()


async def _until_refused(bench: Bench) -> ServiceUnreachable:
    """What a call meets once the callee lets nobody in; those before are answered."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            try:
                await bench.client.echo("x")
            except ServiceUnreachable as error:
                return error


async def _met(call: Any) -> Any:
    try:
        return await call
    except Exception as error:  # noqa: BLE001 - what it ended with is looked at
        return error
