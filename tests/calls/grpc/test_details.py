"""What a caller that is no outgrow learns of a call that did not succeed."""

from __future__ import annotations

import grpc
import grpc.aio
import pytest
from google.rpc import error_details_pb2 as kinds
from google.rpc.status_pb2 import Status

from outgrow.errors import (
    ArgumentsRefused,
    CallerNotAllowed,
    CallFailed,
    CallTimedOut,
    KeyReused,
    Overloaded,
    SagaAborted,
    ServiceUnreachable,
    StillRunning,
)
from tests.calls.grpc.workshop import Broken

MAKE = "/shop.workshop.v1.Workshop/Make"
BODY = b"\x0a\x04bolt\x10\x07"


@pytest.fixture
async def channel(wire, stack):
    """A channel as others make it, with the limits that gRPC has by itself."""
    return await stack.enter_async_context(grpc.aio.insecure_channel(wire.address))


async def met(wire, channel, error, body=BODY):
    """What a foreigner meets: the error, and its details by their kinds."""

    async def run(*_arguments):
        raise error

    wire.on("make", run)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await channel.unary_unary(MAKE)(body)
    trailers = dict(caught.value.trailing_metadata() or ())
    status = Status.FromString(trailers["grpc-status-details-bin"])
    assert status.code == caught.value.code().value[0]
    assert status.message == caught.value.details()
    found = {}
    for packed in status.details:
        kind = getattr(kinds, packed.TypeName().rpartition(".")[2])
        found[kind.DESCRIPTOR.name] = kind.FromString(packed.value)
    return caught.value, found, trailers


async def test_a_declared_problem_is_told_by_its_name_and_fields(wire, channel):
    error, found, trailers = await met(wire, channel, Broken(name="bölt", pieces=[1, 2]))

    info = found["ErrorInfo"]
    assert error.code() is grpc.StatusCode.NOT_FOUND
    assert (info.reason, info.domain) == ("workshop.Broken", "shop")
    assert dict(info.metadata) == {"name": "bölt", "pieces": "[1,2]"}
    assert trailers["outgrow-problem-bin"].startswith(b"workshop.Broken\n")


async def test_each_argument_that_does_not_fit_is_a_violation(wire, channel):
    error, found, _ = await met(wire, channel, AssertionError(), body=b"")

    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    violations = [(v.field, v.description) for v in found["BadRequest"].field_violations]
    assert violations == [("name", "is missing"), ("cents", "is missing")]
    assert found["ErrorInfo"].reason == "ArgumentsRefused"
    assert found["ErrorInfo"].domain == "outgrow"
    assert found["ErrorInfo"].metadata["may_have_run"] == "false"


async def test_who_is_refused_for_load_is_told_when_to_come_back(wire, channel):
    overloaded = Overloaded("workshop.make", "full", retry_after_seconds=2.25)

    error, found, _ = await met(wire, channel, overloaded)

    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert found["RetryInfo"].retry_delay.ToMilliseconds() == 2250


async def test_who_waits_for_a_saga_is_told_which_it_is(wire, channel):
    running = StillRunning("workshop.make", "workshop-7", retry_after_seconds=2.25)

    error, found, _ = await met(wire, channel, running)

    assert error.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert found["ErrorInfo"].reason == "StillRunning"
    assert found["ErrorInfo"].metadata["saga_id"] == "workshop-7"
    assert found["RetryInfo"].retry_delay.ToMilliseconds() == 2250


async def test_who_comes_while_the_process_stops_is_told_to_come_back(wire, channel):
    wire.server._is_stopping = True

    error, found, trailers = await met(wire, channel, AssertionError())

    assert error.code() is grpc.StatusCode.UNAVAILABLE
    assert found["RetryInfo"].retry_delay.ToMilliseconds() == 1000
    assert trailers["outgrow-stopping-bin"] == b"1"


@pytest.mark.parametrize(
    ("told", "reason", "kind"),
    [
        (CallerNotAllowed("workshop.make", "make:all", "user 'x'"), "CallerNotAllowed", None),
        (KeyReused("workshop.make", "k"), "KeyReused", "PreconditionFailure"),
        (CallTimedOut("workshop.make", may_have_run=True), "CallTimedOut", None),
        (CallFailed("workshop.make", "builtins.KeyError", "x"), "CallFailed", None),
        (SagaAborted("workshop.make", "workshop-7", "late"), "SagaAborted", None),
        (ServiceUnreachable("a.b", "gone", may_have_run=True), "ServiceUnreachable", None),
        (ArgumentsRefused("workshop.make", [("a", "b")]), "ArgumentsRefused", "BadRequest"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
async def test_every_other_error_has_its_name(wire, channel, told, reason, kind):
    _, found, _ = await met(wire, channel, told)

    assert set(found) == {"ErrorInfo"} | ({kind} if kind else set())
    assert found["ErrorInfo"].reason == reason
    assert found["ErrorInfo"].metadata["method"] == told.method
    assert found["ErrorInfo"].metadata["may_have_run"] == str(told.may_have_run).lower()
    assert (reason == "CallerNotAllowed") == ("permission" in found["ErrorInfo"].metadata)


@pytest.mark.parametrize("name", ["x" * 100_000, "ü" * 5_000, "💥" * 900], ids=len)
async def test_what_is_large_is_cut_to_what_any_library_takes(wire, channel, name):
    error, found, trailers = await met(wire, channel, Broken(name=name, pieces=[1]))

    assert error.code() is grpc.StatusCode.NOT_FOUND
    assert error.details().startswith("Part ")
    assert "outgrow-problem-bin" not in trailers
    assert sum(len(str(name)) + len(value) for name, value in trailers.items()) < 8_000
    assert set(found) <= {"ErrorInfo"}


async def test_hundreds_of_violations_are_cut_too(wire, channel):
    refused = ArgumentsRefused("workshop.make", [(f"lines[{n}]", "x" * 50) for n in range(300)])

    _, found, _ = await met(wire, channel, refused)

    assert found["ErrorInfo"].reason == "ArgumentsRefused"
    assert [v.field for v in found["BadRequest"].field_violations] == [
        f"lines[{n}]" for n in range(20)
    ]


async def test_a_caller_that_is_outgrow_is_sent_none(wire, monkeypatch):
    seen = []
    from outgrow.calls.grpc import client

    understand = client.understand
    monkeypatch.setattr(
        client, "understand", lambda method, error: seen.append(error) or understand(method, error)
    )

    async def run(*_arguments):
        raise Broken(name="bolt", pieces=[])

    wire.on("make", run)
    with pytest.raises(Broken):
        await wire.call("make", "bolt", 7)

    assert [name for name, _ in seen[0].trailing_metadata()] == ["outgrow-problem-bin"]
