"""A server of others: generated from the frozen `.proto` files of the shop, and called by ours."""

from __future__ import annotations

import math

import grpc
import grpc.aio
import pytest
from google.protobuf.any_pb2 import Any
from google.protobuf.duration_pb2 import Duration
from google.rpc import error_details_pb2 as kinds
from google.rpc.status_pb2 import Status

from outgrow.calls.grpc import GrpcTransport
from outgrow.calls.protobuf import Converters, Messages
from outgrow.clock import SystemClock
from outgrow.context import SYSTEM, Context, new_id, new_span_id, new_trace_id
from outgrow.contracts import read_contract
from outgrow.errors import (
    ArgumentsRefused,
    CallerNotAllowed,
    CallFailed,
    CallRefused,
    CallTimedOut,
    Overloaded,
    ServiceUnreachable,
)
from outgrow.process.freezing import read_frozen
from tests.calls.grpc.google import SHOP

Code = grpc.StatusCode


class Foreigner:
    """What the foreign server does with each call, and the transport that calls it."""

    def __init__(self):
        self.ending = None
        self.met = []

    async def say(self, call):
        if self.ending is not None:
            code, text, *details = self.ending
            status = Status(code=code.value[0], message=text)
            for detail in details:
                packed = Any()
                packed.Pack(detail)
                status.details.append(packed)
            trailer = (("grpc-status-details-bin", status.SerializeToString()),)
            await call.abort(code, text, trailer if details else ())

    async def call(self, name, *arguments, seconds=10.0):
        method = self.model.methods[name]
        context = Context(
            caller=SYSTEM,
            correlation_id=new_id(),
            trace_id=new_trace_id(),
            span_id=new_span_id(),
            deadline=SystemClock().monotonic() + seconds,
            method=method.full_name,
            key=new_id(),
        )
        return await self.transport.bind(method)(context, *arguments)


@pytest.fixture
async def foreigner(generated, monkeypatch, stack):
    monkeypatch.syspath_prepend(str(SHOP))
    from shop.users.contract import Users
    from shop_client import users_pb2, users_pb2_grpc

    foreigner = Foreigner()

    class Servicer(users_pb2_grpc.UsersServicer):
        async def Rename(self, request, call):  # noqa: N802
            foreigner.met.append(dict(call.invocation_metadata()))
            await foreigner.say(call)
            user = users_pb2.User(user_id=request.user_id, name=request.name)
            return users_pb2.RenameReply(value=user)

        async def GetTotals(self, request, call):  # noqa: N802
            await foreigner.say(call)
            return users_pb2.GetTotalsReply(value=users_pb2.UserTotals(registered=3, renamed=0))

    server = grpc.aio.server()
    users_pb2_grpc.add_UsersServicer_to_server(Servicer(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    stack.push_async_callback(server.stop, 0)
    foreigner.model = read_contract(Users)
    converters = Converters(Messages("shop", [foreigner.model], read_frozen(SHOP).numbers))
    foreigner.transport = GrpcTransport(f"127.0.0.1:{port}", converters, SystemClock())
    stack.push_async_callback(foreigner.transport.close)
    return foreigner


async def test_a_generated_server_is_called_like_ours(foreigner):
    user = await foreigner.call("rename", "u1", "Ada")
    totals = await foreigner.call("get_totals")

    assert (user.user_id, user.name) == ("u1", "Ada")
    assert (totals.registered, totals.renamed) == (3, 0)
    assert foreigner.met[0]["traceparent"].startswith("00-")


async def test_a_method_that_it_has_not_is_refused(foreigner):
    with pytest.raises(CallRefused, match="does not offer it") as caught:
        await foreigner.call("get_user", "u1")

    assert caught.value.may_have_run is False


async def test_a_problem_that_it_tells_of_in_details_is_met_as_that(foreigner):
    from shop.users.contract import UnknownUser

    info = kinds.ErrorInfo(
        reason="users.UnknownUser", domain="shop", metadata={"user_id": "12", "more": "x"}
    )
    foreigner.ending = (Code.NOT_FOUND, "nobody", info)

    with pytest.raises(UnknownUser) as caught:
        await foreigner.call("rename", "12", "Ada")

    assert caught.value.user_id == "12"


@pytest.mark.parametrize(
    ("code", "error", "may_have_run"),
    [
        (Code.UNAVAILABLE, ServiceUnreachable, True),
        (Code.CANCELLED, ServiceUnreachable, True),
        (Code.DEADLINE_EXCEEDED, CallTimedOut, True),
        (Code.RESOURCE_EXHAUSTED, Overloaded, True),
        (Code.INVALID_ARGUMENT, ArgumentsRefused, False),
        (Code.PERMISSION_DENIED, CallerNotAllowed, False),
        (Code.UNAUTHENTICATED, CallRefused, False),
        (Code.UNIMPLEMENTED, CallRefused, False),
        (Code.NOT_FOUND, CallFailed, True),
        (Code.ALREADY_EXISTS, CallFailed, True),
        (Code.FAILED_PRECONDITION, CallFailed, True),
        (Code.ABORTED, CallFailed, True),
        (Code.OUT_OF_RANGE, CallFailed, True),
        (Code.INTERNAL, CallFailed, True),
        (Code.DATA_LOSS, CallFailed, True),
        (Code.UNKNOWN, CallFailed, True),
    ],
)
async def test_each_code_has_its_error(foreigner, code, error, may_have_run):
    foreigner.ending = (code, "wörds of its own")

    with pytest.raises(error) as caught:
        await foreigner.call("get_totals")

    assert type(caught.value) is error
    assert caught.value.may_have_run is may_have_run
    if error is CallFailed:
        assert caught.value.error_type == f"grpc.{code.name}"
    assert error is CallTimedOut or "wörds of its own" in str(caught.value)


async def test_a_server_that_says_when_to_come_back_has_not_begun(foreigner):
    retry = kinds.RetryInfo(retry_delay=Duration(seconds=3, nanos=500_000_000))
    foreigner.ending = (Code.RESOURCE_EXHAUSTED, "full", retry)

    with pytest.raises(Overloaded) as caught:
        await foreigner.call("get_totals")

    assert caught.value.retry_after_seconds == 3.5
    assert caught.value.may_have_run is False


async def test_violations_are_told_with_their_places(foreigner):
    request = kinds.BadRequest()
    request.field_violations.add(field="name", description="is taken")
    foreigner.ending = (Code.INVALID_ARGUMENT, "no", request)

    with pytest.raises(ArgumentsRefused) as caught:
        await foreigner.call("rename", "u1", "Ada")

    assert caught.value.findings == [("name", "is taken")]


@pytest.mark.parametrize("trailer", [b"", b"\xff\xff\xff", b"\x1a\x02\x0a\x00", b"x" * 4000])
async def test_details_that_cannot_be_read_are_none(foreigner, trailer):
    async def say(call):
        await call.abort(Code.RESOURCE_EXHAUSTED, "full", (("grpc-status-details-bin", trailer),))

    foreigner.say = say

    with pytest.raises(Overloaded, match="full"):
        await foreigner.call("get_totals")


async def test_an_infinite_delay_is_no_number_that_hurts(foreigner):
    retry = kinds.RetryInfo(retry_delay=Duration(seconds=2**62))
    foreigner.ending = (Code.RESOURCE_EXHAUSTED, "full", retry)

    with pytest.raises(Overloaded) as caught:
        await foreigner.call("get_totals")

    assert math.isfinite(caught.value.retry_after_seconds)
    assert caught.value.retry_after_seconds >= 0
