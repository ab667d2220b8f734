"""Callers that are not outgrow: plain protobuf bytes, the standard health and reflection stubs."""

from __future__ import annotations

import asyncio

import grpc
import grpc.aio
import msgspec
import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from outgrow.context import ALL_PERMISSIONS, Caller
from outgrow.errors import ArgumentsRefused, CallerNotAllowed
from tests.calls.grpc.workshop import Broken

SERVICE = "shop.workshop.v1.Workshop"


@pytest.fixture
async def channel(wire, stack):
    return await stack.enter_async_context(grpc.aio.insecure_channel(wire.address))


async def echo(text):
    return text


async def test_plain_bytes_are_answered(wire, channel):
    wire.on("echo", echo)

    reply = await channel.unary_unary(f"/{SERVICE}/Echo")(b"\x0a\x03abc")

    assert reply == b"\x0a\x03abc"


async def test_a_stranger_is_anonymous_and_gets_ids_and_a_deadline(wire, channel):
    wire.on("echo", echo)
    call = channel.unary_unary(f"/{SERVICE}/Echo")

    await call(b"\x0a\x01a")
    await call(b"\x0a\x01a")

    first, second = (received[0] for received in wire.received)
    assert first.caller == Caller()
    assert first.correlation_id
    assert first.correlation_id != second.correlation_id
    assert (first.key, first.via) == (None, "")
    assert 9 < first.deadline - wire.clock.monotonic() <= 10


async def test_a_stranger_may_bring_a_trace_and_a_timeout(wire, channel):
    wire.on("echo", echo)
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

    await channel.unary_unary(f"/{SERVICE}/Echo")(
        b"\x0a\x01a", metadata=[("traceparent", trace)], timeout=3
    )

    context = wire.received[0][0]
    assert f"{context.trace_id:032x}" == "0af7651916cd43dd8448eb211c80319c"
    assert 2 < context.deadline - wire.clock.monotonic() <= 3.1


async def test_a_deadline_of_the_contract_holds_for_strangers(wire, channel):
    async def wait():
        return {}

    wire.on("wait", wait)

    await channel.unary_unary(f"/{SERVICE}/Wait")(b"", timeout=100)

    assert wire.received[0][0].deadline - wire.clock.monotonic() <= 2


async def test_an_open_application_may_trust_strangers(unstarted, stack):
    everyone = Caller(permissions=ALL_PERMISSIONS)
    await unstarted.start(stranger=everyone)
    unstarted.on("echo", echo)
    channel = await stack.enter_async_context(grpc.aio.insecure_channel(unstarted.address))

    await channel.unary_unary(f"/{SERVICE}/Echo")(b"\x0a\x01a")

    assert unstarted.received[0][0].caller == everyone


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "name: is missing; cents: is missing"),
        (b"\x0a\x01a", "cents: is missing"),
        (b"\x0a\x05a", "2 bytes|3 bytes"),
        (b"\x0a\x01\xff\x10\x01", "are no MakeRequest"),
        (b"not protobuf at all", "are no MakeRequest"),
    ],
)
async def test_a_body_that_does_not_fit_is_refused_before_it_runs(wire, channel, body, said):
    with pytest.raises(grpc.aio.AioRpcError, match=said) as caught:
        await channel.unary_unary(f"/{SERVICE}/Make")(body)

    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert not wire.received


@pytest.mark.parametrize("luggage", [b"", b"\x00", b"\xc1", b"\x93\x01\x02\x03", b"\x95" * 50])
async def test_luggage_that_cannot_be_read_is_refused(wire, channel, luggage):
    with pytest.raises(grpc.aio.AioRpcError, match="outgrow-bin") as caught:
        await channel.unary_unary(f"/{SERVICE}/Echo")(
            b"\x0a\x01a", metadata=[("outgrow-bin", luggage)]
        )

    assert caught.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert not wire.received


LUGGAGE = [5.0, {"kind": "user", "subject": "ann", "permissions": []}, "c", None, "orders"]


@pytest.mark.parametrize("key", ["", "x" * 256, "a\x00b", "a\nb"])
async def test_a_key_that_no_store_keeps_is_refused_before_anything_runs(wire, channel, key):
    luggage = msgspec.msgpack.encode([*LUGGAGE[:3], key, "orders"])

    with pytest.raises(grpc.aio.AioRpcError, match="A key is a text of 1 to 255") as caught:
        await channel.unary_unary(f"/{SERVICE}/Echo")(
            b"\x0a\x01a", metadata=[("outgrow-bin", luggage)]
        )

    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert not wire.received


@pytest.mark.parametrize("fingerprint", [[], [b""], [b"", "what a later version adds"]])
async def test_a_caller_that_tells_no_fingerprint_is_let_in(wire, channel, fingerprint):
    wire.on("echo", echo)
    luggage = msgspec.msgpack.encode(LUGGAGE + fingerprint)

    await channel.unary_unary(f"/{SERVICE}/Echo")(b"\x0a\x01a", metadata=[("outgrow-bin", luggage)])

    assert wire.received[0][0].via == "orders"


async def test_a_caller_with_another_contract_is_refused_before_anything_runs(wire, channel):
    wire.on("echo", echo)
    luggage = msgspec.msgpack.encode([*LUGGAGE, b"another contract"])

    with pytest.raises(grpc.aio.AioRpcError, match="another version of the contract") as caught:
        # Not even its arguments are read: they may mean something else.
        await channel.unary_unary(f"/{SERVICE}/Echo")(
            b"no protobuf", metadata=[("outgrow-bin", luggage)]
        )

    assert caught.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert not wire.received


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (Broken(name="ü", pieces=[]), grpc.StatusCode.NOT_FOUND),
        (ArgumentsRefused("workshop.make", [("a", "b")]), grpc.StatusCode.INVALID_ARGUMENT),
        (CallerNotAllowed("workshop.make", "a", "b"), grpc.StatusCode.PERMISSION_DENIED),
        (RuntimeError("ü"), grpc.StatusCode.UNKNOWN),
    ],
)
async def test_a_stranger_gets_a_status_and_a_text(wire, channel, error, code):
    async def make(_name, _cents):
        raise error

    wire.on("make", make)

    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await channel.unary_unary(f"/{SERVICE}/Make")(b"\x0a\x01a\x10\x01")

    assert caught.value.code() is code
    assert str(error) in (caught.value.details() or "")


@pytest.mark.parametrize(
    "path", [f"/{SERVICE}/Nothing", "/shop.workshop.v1.Other/Echo", "/x", f"/{SERVICE}/echo"]
)
async def test_unknown_services_and_methods_are_unimplemented(channel, path):
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await channel.unary_unary(path)(b"")

    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


async def test_a_body_beyond_the_limit_is_refused(wire, channel):
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await channel.unary_unary(f"/{SERVICE}/Echo")(b"x" * (4 * 1024 * 1024 + 1))

    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert not wire.received


@pytest.mark.parametrize("service", ["", SERVICE])
async def test_health_is_told_by_the_standard_service(channel, service):
    stub = health_pb2_grpc.HealthStub(channel)

    reply = await stub.Check(health_pb2.HealthCheckRequest(service=service))

    assert reply.status == health_pb2.HealthCheckResponse.SERVING


async def test_health_of_an_unknown_service_is_not_found(channel):
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await health_pb2_grpc.HealthStub(channel).Check(
            health_pb2.HealthCheckRequest(service="other")
        )

    assert caught.value.code() is grpc.StatusCode.NOT_FOUND


async def test_health_says_of_each_service_whether_it_is_ready(wire, channel):
    response, stub = health_pb2.HealthCheckResponse, health_pb2_grpc.HealthStub(channel)

    async def check():
        asked = [health_pb2.HealthCheckRequest(service=name) for name in (SERVICE, "")]
        return [(await stub.Check(one)).status for one in asked]

    await wire.server.tell_unready({"workshop"})
    assert await check() == [response.NOT_SERVING, response.NOT_SERVING]
    await wire.server.tell_unready({"another"})
    assert await check() == [response.SERVING, response.NOT_SERVING]
    await wire.server.tell_unready(())
    assert await check() == [response.SERVING, response.SERVING]


async def test_health_says_not_serving_from_the_first_moment_of_a_drain(wire, channel):
    entered, go_on = asyncio.Event(), asyncio.Event()

    async def wait():
        entered.set()
        await go_on.wait()
        return {}

    wire.on("wait", wait)
    watch = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest())
    statuses = [(await watch.read()).status]
    async with asyncio.TaskGroup() as group:
        group.create_task(wire.call("wait"))
        await entered.wait()
        drain = group.create_task(wire.server.drain(0.5))
        statuses.append((await watch.read()).status)
        assert not drain.done()
        go_on.set()

    response = health_pb2.HealthCheckResponse
    assert statuses == [response.SERVING, response.NOT_SERVING]


async def ask(channel, **request):
    stub = reflection_pb2_grpc.ServerReflectionStub(channel)
    requests = iter([reflection_pb2.ServerReflectionRequest(**request)])
    return await anext(aiter(stub.ServerReflectionInfo(requests)))


async def test_reflection_lists_the_services(channel):
    reply = await ask(channel, list_services="")

    assert [service.name for service in reply.list_services_response.service] == [
        "grpc.health.v1.Health",
        "grpc.reflection.v1alpha.ServerReflection",
        SERVICE,
    ]


@pytest.mark.parametrize("symbol", [SERVICE, "shop.workshop.v1.Part", "grpc.health.v1.Health"])
async def test_reflection_shows_what_a_service_takes(channel, symbol):
    reply = await ask(channel, file_containing_symbol=symbol)

    files = reply.file_descriptor_response.file_descriptor_proto
    assert symbol.rpartition(".")[0] in {FileDescriptorProto.FromString(f).package for f in files}


async def test_reflection_says_that_it_does_not_know_a_name(channel):
    reply = await ask(channel, file_containing_symbol="no.such.Thing")

    assert reply.error_response.error_code == 5
