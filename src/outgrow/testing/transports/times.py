"""Deadlines, and cancellation both ways."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from outgrow.calls import DEADLINE_SECONDS_DEFAULT, using
from outgrow.errors import CallFailed, CallTimedOut
from outgrow.testing.transports.bench import PATIENCE_SECONDS, Bench
from outgrow.testing.transports.contract import Seen

SHORT_SECONDS = 0.05
"""A deadline that passes while a callee hangs."""


async def _hang(*_arguments: Any) -> Any:
    await asyncio.Event().wait()


async def overdue(bench: Bench, name: str, call: Callable[[float], Awaitable[Any]]) -> CallTimedOut:
    """
    What *call* meets if its deadline passes while the method *name* goes on.

    Args:
        call: Calls with a deadline of so many seconds; with a longer one, if the machine is slow.
    """
    for factor in (1, 8, 64):
        with pytest.raises(CallTimedOut) as caught:
            await call(factor * SHORT_SECONDS)
        if bench.entered(name):
            return caught.value
    message = f"{name} does not begin"
    raise AssertionError(message)


class Times:
    """Deadlines, and cancellation both ways."""

    async def test_a_deadline_that_has_passed_is_not_sent(self, bench: Bench) -> None:
        bench.on("echo", _hang)
        for seconds in (0.0, -1.0, -1e9):
            with pytest.raises(CallTimedOut) as caught:
                await bench.invoke(bench.context("echo", seconds), "x")
            assert caught.value.may_have_run is False
        assert not bench.subject.calls

    async def test_a_deadline_ends_the_call_at_both_sides(self, bench: Bench) -> None:
        bench.on("wait", _hang)

        met = await overdue(bench, "wait", lambda s: using(bench.client, deadline=s).wait())

        assert met.may_have_run is True
        await bench.subject.until(lambda: bench.subject.cancelled == 1)
        await bench.until_idle()

    async def test_a_deadline_that_is_too_short_for_anything_is_a_timeout(
        self, bench: Bench
    ) -> None:
        bench.on("wait", _hang)
        for seconds in (1e-9, 1e-6, 1e-4, 1e-3):
            with pytest.raises(CallTimedOut):
                await bench.invoke(bench.context("wait", seconds))
        await bench.until_idle()

    async def test_the_callee_has_no_more_time_than_its_caller(self, bench: Bench) -> None:
        seen: Seen = await bench.invoke(bench.context("see", 3.0))

        assert 0 < seen.remaining_seconds <= 3.0 + SHORT_SECONDS

    async def test_a_call_without_a_deadline_gets_the_usual_one(self, bench: Bench) -> None:
        seen: Seen = await bench.client.see()

        assert 0 < seen.remaining_seconds <= DEADLINE_SECONDS_DEFAULT + SHORT_SECONDS

    async def test_the_deadline_of_a_contract_holds(self, bench: Bench) -> None:
        bench.on("hurry", _hang)

        with pytest.raises(CallTimedOut):
            await bench.client.hurry()

        await bench.until_idle()

    async def test_a_call_inside_of_a_call_ends_no_later(self, bench: Bench) -> None:
        inner = bench.client_of(bench.transport, via="transports")
        found: list[Seen] = []

        async def relay(text: str) -> str:
            found.append(await inner.see())
            found.append(await using(inner, deadline=60.0).see())
            return text

        bench.on("relay", relay)
        await using(bench.client, deadline=2.0).relay("x")

        assert all(0 < seen.remaining_seconds <= 2.0 + SHORT_SECONDS for seen in found)

    async def test_a_deadline_passes_through_the_one_between(self, bench: Bench) -> None:
        inner = bench.client_of(bench.transport, via="transports")

        async def relay(text: str) -> Any:
            return await inner.wait()

        bench.on("relay", relay)
        bench.on("wait", _hang)

        met = await overdue(bench, "wait", lambda s: using(bench.client, deadline=s).relay("x"))

        assert met.method == "transports.relay"
        await bench.subject.until(lambda: bench.subject.cancelled >= 1)
        await bench.until_idle()

    async def test_a_shorter_deadline_below_is_a_failure_that_can_be_met(
        self, bench: Bench
    ) -> None:
        inner = bench.client_of(bench.transport, via="transports")

        async def relay(text: str) -> str:
            try:
                await using(inner, deadline=SHORT_SECONDS).wait()
            except CallTimedOut:
                return "went on"
            return "never"

        bench.on("relay", relay)
        bench.on("wait", _hang)

        assert await bench.client.relay("x") == "went on"

    async def test_a_deadline_of_one_call_ends_no_other(self, bench: Bench) -> None:
        gate = asyncio.Event()

        async def echo(text: str) -> str:
            await gate.wait()
            return text

        bench.on("echo", echo)
        bench.on("wait", _hang)
        async with asyncio.TaskGroup() as tasks:
            other = tasks.create_task(bench.client.echo("still here"))
            await bench.until_entered("echo")
            with pytest.raises(CallTimedOut):
                await using(bench.client, deadline=SHORT_SECONDS).wait()
            gate.set()

        assert other.result() == "still here"

    async def test_a_callee_that_swallows_its_end_has_timed_out(self, bench: Bench) -> None:
        async def wait() -> str:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                return "too late"
            return "never"

        bench.on("wait", wait)

        met = await overdue(bench, "wait", lambda s: using(bench.client, deadline=s).wait())

        assert met.may_have_run is True

    async def test_what_a_callee_does_at_its_end_is_done(self, bench: Bench) -> None:
        done: list[str] = []

        async def wait() -> str:
            try:
                await asyncio.Event().wait()
            finally:
                await bench.clock.sleep(0)
                done.append("closed")
            return "never"

        bench.on("wait", wait)
        await overdue(bench, "wait", lambda s: using(bench.client, deadline=s).wait())

        await bench.subject.until(lambda: done == ["closed"])

    async def test_cancellation_of_the_caller_reaches_the_callee(self, bench: Bench) -> None:
        bench.on("wait", _hang)
        async with asyncio.TaskGroup() as tasks:
            call = tasks.create_task(bench.client.wait())
            await bench.until_entered("wait")
            call.cancel()

        assert call.cancelled()
        await bench.subject.until(lambda: bench.subject.cancelled == 1)
        await bench.until_idle()

    async def test_cancellation_reaches_a_callee_behind_another(self, bench: Bench) -> None:
        inner = bench.client_of(bench.transport, via="transports")

        async def relay(text: str) -> Any:
            return await inner.wait()

        bench.on("relay", relay)
        bench.on("wait", _hang)
        async with asyncio.TaskGroup() as tasks:
            call = tasks.create_task(bench.client.relay("x"))
            await bench.until_entered("wait")
            call.cancel()

        await bench.subject.until(lambda: bench.subject.cancelled == 2)

    async def test_a_timeout_of_the_callers_own_stays_its_own(self, bench: Bench) -> None:
        bench.on("wait", _hang)

        with pytest.raises(TimeoutError):
            async with asyncio.timeout(SHORT_SECONDS):
                await bench.client.wait()

        await bench.until_idle()

    async def test_a_callee_that_cancels_itself_has_failed(self, bench: Bench) -> None:
        async def echo(text: str) -> str:
            raise asyncio.CancelledError

        bench.on("echo", echo)

        with pytest.raises(CallFailed, match="Cancelled"):
            await bench.client.echo("x")

    async def test_a_callee_that_is_out_of_time_by_itself_has_failed(self, bench: Bench) -> None:
        async def echo(text: str) -> str:
            async with asyncio.timeout(0):
                await asyncio.Event().wait()
            return text

        bench.on("echo", echo)

        with pytest.raises(CallFailed, match="TimeoutError"):
            await bench.client.echo("x")

    async def test_one_of_many_can_be_cancelled(self, bench: Bench) -> None:
        gate = asyncio.Event()

        async def echo(text: str) -> str:
            await gate.wait()
            return text

        bench.on("echo", echo)
        async with asyncio.TaskGroup() as tasks:
            calls = [tasks.create_task(bench.client.echo(str(n))) for n in range(5)]
            await bench.until_entered("echo", 5)
            calls[2].cancel()
            await bench.subject.until(lambda: bench.subject.cancelled == 1, PATIENCE_SECONDS)
            gate.set()

        assert [call.cancelled() for call in calls] == [False, False, True, False, False]
        assert [calls[n].result() for n in (0, 1, 3, 4)] == ["0", "1", "3", "4"]

    async def test_what_is_cancelled_before_it_begins_does_not_run(self, bench: Bench) -> None:
        bench.on("wait", _hang)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(bench.client.wait()).cancel()

        bench.on("nothing", _nothing)
        await bench.client.nothing()
        assert bench.entered("wait") == 0


async def _nothing() -> None:
    return None
