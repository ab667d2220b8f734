"""The real client and the real reception, with this transport between them."""

from __future__ import annotations

import asyncio

import grpc
import grpc.aio
import pytest

from outgrow.calls import Reception, client_class, connect, using
from outgrow.calls.grpc import GrpcServer, GrpcTransport
from outgrow.calls.protobuf import Converters, Messages
from outgrow.clock import ManualClock, SystemClock
from outgrow.context import context
from outgrow.contracts import Contract, command, query, read_contract
from outgrow.errors import CallerNotAllowed, CallFailed, CallTimedOut
from outgrow.telemetry import Meters


class Desk(Contract):
    """Answers."""

    @query(allow="desk:read")
    async def ask(self, text: str) -> str: ...

    @query()
    async def fail(self) -> None: ...

    @query()
    async def wait(self) -> None: ...

    @command()
    async def key(self) -> str: ...


class DeskService(Desk):
    def __init__(self):
        self.entered = asyncio.Event()
        self.ended = asyncio.Event()

    async def ask(self, text):
        return text

    async def fail(self):
        raise KeyError("ü")

    async def wait(self):
        self.entered.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.ended.set()

    async def key(self):
        return context().key or ""


class Connected:
    async def open(self, stack, clock):
        model = read_contract(Desk)
        self.clock, self.service = clock, DeskService()
        reception = Reception(clock, Meters())
        reception.admit(model, self.service, None)
        converters = Converters(Messages("shop", [model]))
        server = GrpcServer(converters, reception.bind, clock)
        server.admit(model)
        self.address = await server.start("127.0.0.1:0")
        stack.push_async_callback(server.drain, 0)
        transport = GrpcTransport(self.address, converters, clock)
        stack.push_async_callback(transport.close)
        self.client = client_class(model)(transport.bind, model, clock, via="shop")
        connect(self.client)
        return self


async def test_a_key_of_the_callers_is_the_key_of_the_execution(stack):
    desk = await Connected().open(stack, SystemClock())

    assert await using(desk.client, key="mine").key() == "mine"


async def test_what_the_contract_does_not_declare_arrives_as_call_failed(stack):
    desk = await Connected().open(stack, SystemClock())

    with pytest.raises(CallFailed) as caught:
        await desk.client.fail()

    assert caught.value.error_type == "builtins.KeyError"
    assert caught.value.error_text == "'ü'"


@pytest.mark.parametrize("clock", [SystemClock(), ManualClock()], ids=["system", "manual"])
async def test_a_deadline_ends_both_sides_on_the_applications_clock(stack, clock):
    desk = await Connected().open(stack, clock)

    async with asyncio.TaskGroup() as group:
        wished = using(desk.client, deadline=0.2 if isinstance(clock, SystemClock) else 5.0)
        task = group.create_task(_error_of(wished.wait()))
        await desk.service.entered.wait()
        if isinstance(clock, ManualClock):
            clock.advance(5.0)
        error = await task

    assert isinstance(error, CallTimedOut)
    assert error.may_have_run is True
    await asyncio.wait_for(desk.service.ended.wait(), 1)


async def test_a_strangers_permission_is_asked_for_before_it_runs(stack):
    desk = await Connected().open(stack, SystemClock())
    channel = await stack.enter_async_context(grpc.aio.insecure_channel(desk.address))

    with pytest.raises(grpc.aio.AioRpcError, match="desk:read") as caught:
        await channel.unary_unary("/shop.test_with_reception.v1.Desk/Ask")(b"\x0a\x01a")

    assert caught.value.code() is grpc.StatusCode.PERMISSION_DENIED
    assert CallerNotAllowed.may_have_run is False


async def _error_of(call):
    try:
        await call
    except CallTimedOut as error:
        return error
