"""Many calls at once, their order, calls inside of calls, and sizes."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from outgrow.errors import ArgumentsRefused, CallFailed
from outgrow.testing.transports.bench import Bench, needs
from outgrow.testing.transports.contract import Unknown

ROOM = 1_024
"""More than what a message has beside its largest field."""


async def _fetch(size: int) -> bytes:
    return b"x" * size


async def _store(body: bytes) -> int:
    return len(body)


class Crowds:
    """Many calls at once, their order, calls inside of calls, and sizes."""

    async def test_many_calls_at_once_get_each_its_own_reply(self, bench: Bench) -> None:
        async def echo(text: str) -> str:
            await bench.clock.sleep(0)
            return text

        bench.on("echo", echo)
        async with asyncio.TaskGroup() as tasks:
            calls = [tasks.create_task(bench.client.echo(str(n))) for n in range(200)]

        assert [call.result() for call in calls] == [str(n) for n in range(200)]

    async def test_calls_go_on_beside_each_other(self, bench: Bench) -> None:
        gate = asyncio.Event()

        async def echo(text: str) -> str:
            await gate.wait()
            return text

        bench.on("echo", echo)
        async with asyncio.TaskGroup() as tasks:
            for n in range(20):
                tasks.create_task(bench.client.echo(str(n)))
            await bench.until_entered("echo", 20)
            gate.set()

    async def test_a_slow_call_holds_no_quick_one_up(self, bench: Bench) -> None:
        gate = asyncio.Event()

        async def wait() -> str:
            await gate.wait()
            return "slow"

        async def echo(text: str) -> str:
            return text

        bench.on("wait", wait)
        bench.on("echo", echo)
        async with asyncio.TaskGroup() as tasks:
            slow = tasks.create_task(bench.client.wait())
            await bench.until_entered("wait")
            assert [await bench.client.echo(str(n)) for n in range(5)] == list("01234")
            assert not slow.done()
            gate.set()

        assert slow.result() == "slow"

    async def test_replies_may_come_in_another_order(self, bench: Bench) -> None:
        gates = [asyncio.Event() for _ in range(4)]
        ended: list[str] = []

        async def echo(text: str) -> str:
            await gates[int(text)].wait()
            return text

        async def one(n: int) -> None:
            ended.append(await bench.client.echo(str(n)))

        bench.on("echo", echo)
        async with asyncio.TaskGroup() as tasks:
            calls = [tasks.create_task(one(n)) for n in range(4)]
            await bench.until_entered("echo", 4)
            for n in (2, 0, 3, 1):
                gates[n].set()
                await asyncio.wait([calls[n]])

        assert ended == ["2", "0", "3", "1"]

    async def test_calls_one_after_the_other_begin_in_that_order(self, bench: Bench) -> None:
        async def echo(text: str) -> str:
            return text

        bench.on("echo", echo)
        for n in range(20):
            await bench.client.echo(str(n))

        assert [call[1] for call in bench.subject.calls] == [str(n) for n in range(20)]

    async def test_replies_problems_and_failures_are_not_mixed_up(self, bench: Bench) -> None:
        async def find(name: str) -> str:
            await bench.clock.sleep(0)
            if int(name) % 3 == 1:
                raise Unknown(name=name)
            if int(name) % 3 == 2:
                raise LookupError(name)
            return name

        bench.on("find", find)
        async with asyncio.TaskGroup() as tasks:
            calls = [tasks.create_task(_outcome(bench.client.find(str(n)))) for n in range(60)]

        for n, call in enumerate(calls):
            outcome = call.result()
            if n % 3 == 0:
                assert outcome == str(n)
            elif n % 3 == 1:
                assert isinstance(outcome, Unknown)
                assert outcome.name == str(n)
            else:
                assert isinstance(outcome, CallFailed)
                assert outcome.error_text == str(n)

    async def test_calls_may_be_nested(self, bench: Bench) -> None:
        inner = bench.client_of(bench.transport, via="transports")

        async def relay(text: str) -> Any:
            return text if len(text) >= 8 else await inner.relay(text + "x")

        bench.on("relay", relay)

        assert await bench.client.relay("") == "x" * 8
        assert bench.entered("relay") == 9

    async def test_nested_calls_of_many_callers_do_not_wait_for_each_other(
        self, bench: Bench
    ) -> None:
        inner = bench.client_of(bench.transport, via="transports")
        gate = asyncio.Event()

        async def relay(text: str) -> Any:
            return await inner.echo(text)

        async def echo(text: str) -> str:
            await gate.wait()
            return text

        bench.on("relay", relay)
        bench.on("echo", echo)
        async with asyncio.TaskGroup() as tasks:
            calls = [tasks.create_task(bench.client.relay(str(n))) for n in range(30)]
            await bench.until_entered("echo", 30)
            gate.set()

        assert [call.result() for call in calls] == [str(n) for n in range(30)]

    async def test_a_method_may_call_many_at_once(self, bench: Bench) -> None:
        inner = bench.client_of(bench.transport, via="transports")

        async def relay(text: str) -> str:
            async with asyncio.TaskGroup() as tasks:
                parts = [tasks.create_task(inner.echo(letter)) for letter in text]
            return "".join(part.result() for part in parts)

        async def echo(text: str) -> str:
            return text.upper()

        bench.on("relay", relay)
        bench.on("echo", echo)

        assert await bench.client.relay("letters") == "LETTERS"

    async def test_nothing_is_under_way_once_all_have_ended(self, bench: Bench) -> None:
        bench.on("fetch", _fetch)
        async with asyncio.TaskGroup() as tasks:
            for n in range(50):
                tasks.create_task(bench.client.fetch(n))

        await bench.until_idle()
        assert bench.reception.in_flight == 0

    async def test_several_transports_lead_to_one_callee(self, bench: Bench) -> None:
        bench.on("fetch", _fetch)
        clients = [bench.client_of(bench.connect()) for _ in range(3)]
        async with asyncio.TaskGroup() as tasks:
            calls = [tasks.create_task(client.fetch(3)) for client in clients]

        assert [call.result() for call in calls] == [b"xxx"] * 3

    async def test_large_messages_arrive_whole(self, bench: Bench) -> None:
        bench.on("fetch", _fetch)
        bench.on("store", _store)
        largest = bench.message_bytes_max or 4 * 1024 * 1024
        for size in (65_535, 65_536, largest // 2, largest - ROOM):
            assert len(await bench.client.fetch(size)) == size
            assert await bench.client.store(bytes(size)) == size

    async def test_large_messages_of_many_calls_are_not_mixed_up(self, bench: Bench) -> None:
        async def echo(text: str) -> str:
            return text

        bench.on("echo", echo)
        texts = [str(n) * 60_000 for n in range(10)]
        async with asyncio.TaskGroup() as tasks:
            calls = [tasks.create_task(bench.client.echo(text)) for text in texts]

        assert [call.result() for call in calls] == texts

    @needs("limit")
    async def test_a_request_beyond_the_limit_is_refused_unsent(self, bench: Bench) -> None:
        bench.on("store", _store)
        assert bench.message_bytes_max is not None

        with pytest.raises(ArgumentsRefused) as caught:
            await bench.client.store(bytes(bench.message_bytes_max + 1))

        assert caught.value.may_have_run is False
        assert not bench.subject.calls
        assert await bench.client.store(b"small") == 5

    @needs("limit")
    async def test_a_reply_beyond_the_limit_is_a_failure(self, bench: Bench) -> None:
        bench.on("fetch", _fetch)
        assert bench.message_bytes_max is not None

        with pytest.raises(CallFailed) as caught:
            await bench.client.fetch(bench.message_bytes_max + 1)

        assert caught.value.may_have_run is True
        assert bench.entered("fetch") == 1
        assert await bench.client.fetch(5) == b"xxxxx"


async def _outcome(call: Any) -> Any:
    try:
        return await call
    except Exception as error:  # noqa: BLE001 - what it ended with is looked at
        return error
