"""Who asks, under which key and trace; and repeats of commands."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from outgrow.calls import KEY_CHARACTERS_MAX, using
from outgrow.context import Caller, context
from outgrow.errors import ArgumentsRefused, KeyReused
from outgrow.testing.transports.bench import ANN, Bench, needs
from outgrow.testing.transports.contract import Refused, Seen


class Counting:
    """A command that counts how often it has run."""

    def __init__(self) -> None:
        self.ran = 0

    async def take(self, name: str, count: int) -> int:
        """Count one more."""
        self.ran += 1
        return self.ran


class Contexts:
    """Who asks, under which key and trace; and repeats of commands."""

    async def test_the_caller_arrives_with_all_that_it_is(self, bench: Bench) -> None:
        seen: Seen = await bench.client.see()

        assert (seen.kind, seen.subject, seen.tenant) == (ANN.kind, ANN.subject, ANN.tenant)
        assert set(seen.permissions) == set(ANN.permissions)

    async def test_an_anonymous_caller_is_anonymous(self, bench: Bench) -> None:
        client = bench.client_of(bench.transport, caller=Caller())

        seen: Seen = await client.see()

        assert (seen.kind, seen.subject, seen.permissions, seen.tenant) == (
            "anonymous",
            "",
            [],
            None,
        )

    async def test_correlation_and_trace_arrive_as_they_were(self, bench: Bench) -> None:
        sent = bench.context("see", correlation_id="ünique", trace_id=2**127 + 1, span_id=7)

        seen: Seen = await bench.invoke(sent)

        assert seen.correlation_id == "ünique"
        assert seen.trace_id == f"{2**127 + 1:032x}"
        assert seen.span_id == f"{7:016x}"

    async def test_the_method_is_told_by_its_full_name(self, bench: Bench) -> None:
        assert (await bench.client.see()).method == "transports.see"

    async def test_the_service_that_calls_is_told(self, bench: Bench) -> None:
        client = bench.client_of(bench.transport, via="orders")

        assert (await client.see()).via == "orders"
        assert not (await bench.client.see()).via

    async def test_a_transaction_of_the_callers_stays_with_it(self, bench: Bench) -> None:
        assert (await bench.client.see()).has_transaction is False

    async def test_the_step_that_an_undo_undoes_is_told(self, bench: Bench) -> None:
        step = "transports.give 0f3a"  # A query carries it too; a plain command refuses it.
        await bench.invoke(bench.context("see", undoes=step))
        assert bench.subject.contexts[-1].undoes == step

        await bench.client.see()

        assert not bench.subject.contexts[-1].undoes

    async def test_a_call_inside_of_a_call_keeps_caller_correlation_and_trace(
        self, bench: Bench
    ) -> None:
        inner = bench.client_of(bench.transport, via="transports")
        found: list[Seen] = []

        async def relay(text: str) -> str:
            found.append(await inner.see())
            return text

        bench.on("relay", relay)
        sent = bench.context("relay", correlation_id="c", trace_id=5, span_id=6)
        await bench.invoke(sent, "x")

        assert (found[0].subject, found[0].correlation_id) == (ANN.subject, "c")
        assert found[0].trace_id == f"{5:032x}"
        assert found[0].span_id != f"{6:016x}"
        assert found[0].via == "transports"

    async def test_each_of_many_calls_has_a_context_of_its_own(self, bench: Bench) -> None:
        async def one(n: int) -> Seen:
            sent = bench.context("see", correlation_id=f"c{n}", trace_id=n + 1)
            reply: Seen = await bench.invoke(sent)
            return reply

        async with asyncio.TaskGroup() as tasks:
            calls = [tasks.create_task(one(n)) for n in range(30)]

        assert [call.result().correlation_id for call in calls] == [f"c{n}" for n in range(30)]

    async def test_the_context_of_an_execution_is_gone_after_it(self, bench: Bench) -> None:
        await bench.client.see()

        with pytest.raises(LookupError):
            context()

    async def test_the_key_of_a_command_arrives(self, bench: Bench) -> None:
        bench.on("take", Counting().take)
        for key in ("k", "a key with ü and 𝄞", "x" * KEY_CHARACTERS_MAX):
            await using(bench.client, key=key).take("bolt", 1)
            assert bench.subject.contexts[-1].key == key

    async def test_a_command_without_a_key_gets_one_of_its_own(self, bench: Bench) -> None:
        counting = Counting()
        bench.on("take", counting.take)
        await bench.client.take("bolt", 1)
        await bench.client.take("bolt", 1)

        keys = [context.key for context in bench.subject.contexts]
        assert all(keys)
        assert len(set(keys)) == 2
        assert counting.ran == 2

    async def test_queries_and_what_must_not_be_repeated_have_no_key(self, bench: Bench) -> None:
        async def ring(name: str) -> int:
            return 1

        bench.on("ring", ring)
        await bench.client.ring("x")

        assert bench.subject.contexts[-1].key is None
        assert (await bench.client.see()).key is None

    async def test_what_can_be_no_key_is_refused(self, bench: Bench) -> None:
        bench.on("take", Counting().take)
        for key in ("", "x" * (KEY_CHARACTERS_MAX + 1), "a\x00b", "a\nb", "\ud800"):
            with pytest.raises(ArgumentsRefused, match="key"):
                await using(bench.client, key=key).take("bolt", 1)
        assert not bench.subject.calls

    @needs("types")
    async def test_the_callee_refuses_what_can_be_no_key_too(self, bench: Bench) -> None:
        for key in ("", "x" * (KEY_CHARACTERS_MAX + 1), "a\x00b"):
            with pytest.raises(ArgumentsRefused, match="key"):
                await bench.invoke(bench.context("take", key=key), "bolt", 1)
        assert not bench.subject.calls

    async def test_a_repeat_has_no_second_effect_and_the_first_reply(self, bench: Bench) -> None:
        counting = Counting()
        bench.on("take", counting.take)

        replies = [await using(bench.client, key="k").take("bolt", 1) for _ in range(3)]

        assert replies == [1, 1, 1]
        assert counting.ran == 1

    async def test_a_problem_is_a_reply_that_is_remembered(self, bench: Bench) -> None:
        counting = Counting()

        async def take(name: str, count: int) -> int:
            left = await counting.take(name, count)
            raise Refused(name=name, left=left)

        bench.on("take", take)
        for _ in range(2):
            with pytest.raises(Refused) as caught:
                await using(bench.client, key="k").take("bolt", 1)
            assert caught.value.left == 1

    async def test_a_failure_is_no_reply_and_is_not_remembered(self, bench: Bench) -> None:
        counting = Counting()

        async def take(name: str, count: int) -> int:
            if await counting.take(name, count) == 1:
                message = "the first time"
                raise RuntimeError(message)
            return counting.ran

        bench.on("take", take)
        keyed = using(bench.client, key="k")
        with pytest.raises(Exception, match="the first time"):
            await keyed.take("bolt", 1)

        assert await keyed.take("bolt", 1) == 2

    async def test_another_key_is_another_command(self, bench: Bench) -> None:
        bench.on("take", Counting().take)

        replies = [await using(bench.client, key=key).take("bolt", 1) for key in "aba"]

        assert replies == [1, 2, 1]

    async def test_the_key_of_another_caller_is_another_key(self, bench: Bench) -> None:
        bench.on("take", Counting().take)
        bob = bench.client_of(bench.transport, caller=Caller(kind="user", subject="bob"))

        assert await using(bench.client, key="k").take("bolt", 1) == 1
        assert await using(bob, key="k").take("bolt", 1) == 2

    async def test_repeats_at_the_same_time_are_one_execution(self, bench: Bench) -> None:
        gate, counting = asyncio.Event(), Counting()

        async def take(name: str, count: int) -> int:
            await gate.wait()
            return await counting.take(name, count)

        bench.on("take", take)
        bench.on("nothing", _nothing)
        keyed = using(bench.client, key="k")
        async with asyncio.TaskGroup() as tasks:
            calls = [tasks.create_task(keyed.take("bolt", 1)) for _ in range(8)]
            await bench.until_entered("take")
            await bench.client.nothing()
            gate.set()

        assert [call.result() for call in calls] == [1] * 8
        assert counting.ran == 1

    async def test_other_arguments_while_the_first_go_on_are_refused(self, bench: Bench) -> None:
        gate = asyncio.Event()

        async def take(name: str, count: int) -> int:
            await gate.wait()
            return count

        bench.on("take", take)
        keyed = using(bench.client, key="k")
        async with asyncio.TaskGroup() as tasks:
            first = tasks.create_task(keyed.take("bolt", 1))
            await bench.until_entered("take")
            with pytest.raises(KeyReused):
                await keyed.take("bolt", 2)
            gate.set()

        assert first.result() == 1

    async def test_a_command_inside_of_a_command_has_a_key_that_a_rerun_has_again(
        self, bench: Bench
    ) -> None:
        inner = bench.client_of(bench.transport, via="transports")
        counting = Counting()
        bench.on("take", counting.take)

        async def pass_on(name: str, count: int) -> Any:
            reply = await inner.take(name, count)
            if len(bench.subject.calls) < 3:
                message = "after the inner one"
                raise RuntimeError(message)
            return reply

        bench.on("pass_on", pass_on)
        keyed = using(bench.client, key="k")
        with pytest.raises(Exception, match="after the inner one"):
            await keyed.pass_on("bolt", 1)

        assert await keyed.pass_on("bolt", 1) == 1
        assert counting.ran == 1

    async def test_two_equal_commands_inside_of_one_are_two(self, bench: Bench) -> None:
        inner = bench.client_of(bench.transport, via="transports")
        counting = Counting()
        bench.on("take", counting.take)

        async def pass_on(name: str, count: int) -> Any:
            return await inner.take(name, count) + await inner.take(name, count)

        bench.on("pass_on", pass_on)

        assert await using(bench.client, key="k").pass_on("bolt", 1) == 3


async def _nothing() -> None:
    return None
