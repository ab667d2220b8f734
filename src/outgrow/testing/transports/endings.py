"""How calls end other than with a reply: problems, failures, refusals."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from outgrow.calls import using
from outgrow.context import Caller
from outgrow.errors import (
    ArgumentsRefused,
    CallerNotAllowed,
    CallError,
    CallFailed,
    CallRefused,
    CallTimedOut,
    ContractDiffers,
    KeyReused,
    Overloaded,
    SagaAborted,
    ServiceUnreachable,
    StillRunning,
)
from outgrow.testing.transports.bench import ABSENT, Bench, needs
from outgrow.testing.transports.contract import (
    Node,
    Refused,
    Undeclared,
    Unknown,
    VeryUnknown,
    other_revision,
)


def raising(error: BaseException) -> Callable[..., Any]:
    """A method that raises *error*."""

    async def run(*_arguments: Any) -> Any:
        raise error

    return run


class Endings:
    """How calls end other than with a reply."""

    async def test_a_declared_problem_arrives_as_its_own_class(self, bench: Bench) -> None:
        at = datetime(2024, 5, 17, tzinfo=UTC)
        problem = Refused(name="böl\nt", left=-1, at=at, places=["a", ""])
        bench.on("find", raising(problem))

        with pytest.raises(Refused) as caught:
            await bench.client.find("bolt")

        met = caught.value
        assert (met.name, met.left, met.at, met.places) == ("böl\nt", -1, at, ["a", ""])
        assert str(met) == "Only -1 of böl\nt are left."

    async def test_each_declared_problem_is_told_from_the_others(self, bench: Bench) -> None:
        bench.on("find", raising(Unknown(name="x")))

        with pytest.raises(Unknown) as caught:
            await bench.client.find("x")

        assert type(caught.value) is Unknown

    async def test_a_problem_below_a_declared_one_arrives_as_that(self, bench: Bench) -> None:
        bench.on("find", raising(VeryUnknown(name="x")))

        with pytest.raises(Unknown) as caught:
            await bench.client.find("x")

        assert type(caught.value) is Unknown
        assert caught.value.name == "x"

    async def test_a_problem_of_a_command_arrives_too(self, bench: Bench) -> None:
        bench.on("take", raising(Refused(name="bolt", left=0)))

        with pytest.raises(Refused):
            await bench.client.take("bolt", 1)

    async def test_a_large_problem_arrives_whole(self, bench: Bench) -> None:
        bench.on("find", raising(Unknown(name="x" * 20_000)))

        with pytest.raises(Unknown) as caught:
            await bench.client.find("x")

        assert len(caught.value.name) == 20_000

    async def test_an_undeclared_problem_is_a_failure(self, bench: Bench) -> None:
        bench.on("find", raising(Undeclared(name="x")))

        with pytest.raises(CallFailed, match="about x") as caught:
            await bench.client.find("x")

        assert caught.value.error_type.endswith(".Undeclared")
        assert caught.value.may_have_run is True

    async def test_any_other_error_is_a_failure_with_type_and_text(self, bench: Bench) -> None:
        bench.on("echo", raising(LookupError("no such ünicode\nline")))

        with pytest.raises(CallFailed) as caught:
            await bench.client.echo("x")

        met = caught.value
        assert met.error_type == "builtins.LookupError"
        assert met.error_text == "no such ünicode\nline"
        assert met.method == "transports.echo"
        assert met.may_have_run is True

    async def test_an_error_without_a_text_is_a_failure_too(self, bench: Bench) -> None:
        bench.on("echo", raising(RuntimeError()))

        with pytest.raises(CallFailed) as caught:
            await bench.client.echo("x")

        assert caught.value.error_type == "builtins.RuntimeError"

    async def test_an_error_with_a_text_without_end_arrives(self, bench: Bench) -> None:
        bench.on("echo", raising(RuntimeError("x" * 3_000_000)))

        with pytest.raises(CallFailed) as caught:
            await bench.client.echo("x")

        assert "xxx" in str(caught.value)

    async def test_an_error_whose_text_is_no_unicode_arrives(self, bench: Bench) -> None:
        bench.on("echo", raising(RuntimeError("half \ud800 of a pair")))

        with pytest.raises(CallFailed, match="half"):
            await bench.client.echo("x")

    async def test_a_failure_ends_one_call_and_no_other(self, bench: Bench) -> None:
        bench.on("echo", raising(RuntimeError("x")))
        with pytest.raises(CallFailed):
            await bench.client.echo("x")

        async def echo(text: str) -> str:
            return text

        bench.on("echo", echo)

        assert await bench.client.echo("y") == "y"

    async def test_a_failure_below_is_a_failure_of_the_one_between(self, bench: Bench) -> None:
        inner = bench.client_of(bench.transport, via="transports")

        async def relay(text: str) -> Any:
            return await inner.echo(text)

        bench.on("relay", relay)
        bench.on("echo", raising(LookupError("deep")))

        with pytest.raises(CallFailed, match="deep") as caught:
            await bench.client.relay("x")

        assert caught.value.method == "transports.relay"
        assert caught.value.error_type == "outgrow.errors.CallFailed"

    async def test_a_problem_below_is_met_by_the_one_between(self, bench: Bench) -> None:
        inner = bench.client_of(bench.transport, via="transports")

        async def relay(text: str) -> Any:
            try:
                return await inner.find(text)
            except Unknown as problem:
                return f"caught {problem.name}"

        bench.on("relay", relay)
        bench.on("find", raising(Unknown(name="deep")))

        assert await bench.client.relay("x") == "caught deep"

    async def test_a_problem_that_the_one_between_declares_too_passes(self, bench: Bench) -> None:
        inner = bench.client_of(bench.transport, via="transports")

        async def forward(name: str) -> Any:
            return await inner.find(name)

        bench.on("forward", forward)
        bench.on("find", raising(Unknown(name="deep")))

        with pytest.raises(Unknown, match="deep"):
            await bench.client.forward("x")

    async def test_limits_are_held_by_the_caller(self, bench: Bench) -> None:
        with pytest.raises(ArgumentsRefused) as caught:
            await bench.client.measure(0)

        assert [place for place, _ in caught.value.findings] == ["count"]
        assert caught.value.may_have_run is False
        with pytest.raises(ArgumentsRefused, match="names"):
            await bench.client.measure(1, ["a", ""])
        with pytest.raises(ArgumentsRefused, match="names"):
            await bench.client.measure(1, ["a"] * 4)
        assert not bench.subject.calls

    @needs("types")
    async def test_limits_are_held_by_the_callee_too(self, bench: Bench) -> None:
        with pytest.raises(ArgumentsRefused, match="count") as caught:
            await bench.invoke(bench.context("measure"), 0, [], 1.5)

        assert caught.value.may_have_run is False
        assert not bench.subject.calls

    @needs("types")
    async def test_arguments_that_are_too_few_are_refused(self, bench: Bench) -> None:
        with pytest.raises(ArgumentsRefused):
            await bench.invoke(bench.context("take"), "bolt")

        assert not bench.subject.calls

    async def test_who_lacks_the_permission_is_refused(self, bench: Bench) -> None:
        with pytest.raises(CallerNotAllowed) as caught:
            await bench.client.reveal()

        assert caught.value.permission == "secrets:read"
        assert caught.value.may_have_run is False
        assert not bench.subject.calls

    async def test_who_has_the_permission_is_let_in(self, bench: Bench) -> None:
        async def reveal() -> str:
            return "secret"

        bench.on("reveal", reveal)
        for permissions in ({"secrets:read"}, {"*"}):
            bob = Caller(kind="user", subject="bob", permissions=frozenset(permissions))
            client = bench.client_of(bench.transport, caller=bob)
            assert await client.reveal() == "secret"

    async def test_a_key_that_comes_with_other_arguments_is_refused(self, bench: Bench) -> None:
        async def take(name: str, count: int) -> int:
            return count

        bench.on("take", take)
        await using(bench.client, key="k").take("bolt", 1)

        with pytest.raises(KeyReused) as caught:
            await using(bench.client, key="k").take("bolt", 2)

        assert caught.value.key == "k"
        assert caught.value.may_have_run is False
        assert bench.entered("take") == 1

    async def test_who_is_refused_for_load_learns_when_to_come_back(self, bench: Bench) -> None:
        bench.refuse(Overloaded("transports.knock", "full", retry_after_seconds=2.5))

        with pytest.raises(Overloaded, match="full") as caught:
            await bench.client.knock()

        assert caught.value.retry_after_seconds == 2.5
        assert caught.value.may_have_run is False

    async def test_who_waits_for_a_saga_learns_its_id(self, bench: Bench) -> None:
        name = "transports.knock"
        bench.refuse(StillRunning(name, "transports-7", retry_after_seconds=2.5))
        with pytest.raises(StillRunning, match="transports-7") as running:
            await bench.client.knock()
        bench.refuse(SagaAborted(name, "transports-7", "its time was over."))
        with pytest.raises(SagaAborted, match="its time") as aborted:
            await bench.client.knock()

        assert (running.value.saga_id, running.value.retry_after_seconds) == ("transports-7", 2.5)
        assert running.value.may_have_run is True
        assert (aborted.value.saga_id, aborted.value.cause) == (
            "transports-7",
            "its time was over.",
        )

    async def test_each_error_of_a_call_arrives_as_itself(self, bench: Bench) -> None:
        name = "transports.knock"
        for error in (
            CallRefused(name, "no"),
            ArgumentsRefused(name, [("a", "b"), ("c", "d")]),
            CallerNotAllowed(name, "p", "user 'ann'"),
            KeyReused(name, "k"),
            ServiceUnreachable("other.one", "gone", may_have_run=False),
            ServiceUnreachable("other.one", "gone", may_have_run=True),
            CallTimedOut(name, may_have_run=False),
            CallTimedOut(name, may_have_run=True),
            CallFailed(name, "shop.Strange", "'ü'\nline"),
        ):
            expected = type(error), str(error), error.may_have_run
            bench.refuse(error)
            with pytest.raises(CallError) as caught:
                await bench.client.knock()
            met = caught.value
            assert (type(met), str(met), met.may_have_run) == expected

    @needs("revisions")
    async def test_a_contract_that_means_something_else_is_refused(self, bench: Bench) -> None:
        other = other_revision()
        client = bench.client_of(bench.connect([other]), other)

        with pytest.raises(ContractDiffers) as caught:
            await client.echo(b"x")

        assert caught.value.contract == "transports.Probe"
        assert caught.value.may_have_run is False
        assert not bench.subject.calls

    @needs("revisions")
    async def test_a_contract_that_the_callee_has_not_is_refused(self, bench: Bench) -> None:
        client = bench.client_of(bench.transport, ABSENT)

        with pytest.raises(CallRefused) as caught:
            await client.ask()

        assert caught.value.may_have_run is False

    async def test_what_is_nested_too_deep_is_refused_and_ends_nothing(self, bench: Bench) -> None:
        async def grow(node: Node) -> Node | None:
            return None

        bench.on("grow", grow)
        deep = Node(name="x")
        for _ in range(5_000):
            deep = Node(name="x", children=[deep])

        with pytest.raises(ArgumentsRefused):
            await bench.client.grow(deep)

        assert await bench.client.grow(Node(name="x")) is None
