"""A program of others: its client is generated from the frozen `.proto` files of the shop."""

from __future__ import annotations

from contextlib import asynccontextmanager

import grpc
import grpc.aio
import msgspec
import pytest

from outgrow.calls.grpc import GrpcServer, GrpcTransport, Revisions
from outgrow.calls.protobuf import Converters, Messages
from outgrow.context import ALL_PERMISSIONS, Caller
from outgrow.process import Options, start_application
from outgrow.topology import read_topology
from tests.calls.grpc.google import SHOP


@pytest.fixture
async def channel(tmp_path, generated, monkeypatch):
    """A channel to the running shop, which lets strangers do everything."""
    monkeypatch.syspath_prepend(str(SHOP))
    address = f"unix:{tmp_path}/calls.sock"

    @asynccontextmanager
    async def served(hosted):
        numbers, contracts = hosted.frozen.numbers, hosted.frozen.contracts
        converters = Converters(Messages(hosted.application, hosted.models, numbers))
        revisions = Revisions(numbers, contracts)
        server = GrpcServer(
            converters,
            hosted.reception.bind,
            hosted.clock,
            stranger=Caller(permissions=ALL_PERMISSIONS),
            revisions=revisions,
        )
        for model in hosted.models:
            server.admit(model)
        await server.start(address)
        transport = GrpcTransport(address, converters, hosted.clock, revisions=revisions)
        try:
            yield transport
        finally:
            await transport.close()
            await server.drain(0)

    options = Options(transport=served, state=tmp_path / "state")
    async with (
        start_application(read_topology(SHOP / "outgrow.toml"), options),
        grpc.aio.insecure_channel(address) as channel,
    ):
        yield channel


async def test_a_generated_client_gets_typed_replies(channel):
    from shop_client import stock_pb2, stock_pb2_grpc, users_pb2, users_pb2_grpc

    users = users_pb2_grpc.UsersStub(channel)
    stock = stock_pb2_grpc.StockStub(channel)

    user = (await users.Register(users_pb2.RegisterRequest(name="Ada"))).value
    totals = (await users.GetTotals(users_pb2.GetTotalsRequest())).value
    delivery = stock_pb2.Delivery(item_id="piano", price_cents=900_000, quantity=1)
    await stock.Receive(stock_pb2.ReceiveRequest(deliveries=[delivery]))

    assert user.name == "Ada"
    assert user.user_id
    assert totals.registered == 1
    assert totals.HasField("renamed")
    assert totals.renamed == 0


async def test_a_generated_client_meets_a_problem(channel):
    from shop_client import users_pb2, users_pb2_grpc

    users = users_pb2_grpc.UsersStub(channel)

    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await users.Rename(users_pb2.RenameRequest(user_id="nobody", name="Eve"))

    assert caught.value.code() is grpc.StatusCode.NOT_FOUND
    assert caught.value.details() == "Nobody is registered as 'nobody'."
    trailer = dict(caught.value.trailing_metadata())["outgrow-problem-bin"]
    kind, _, fields = trailer.partition(b"\n")
    assert kind == b"users.UnknownUser"
    assert msgspec.json.decode(fields)["user_id"] == "nobody"


async def test_a_generated_client_is_told_what_is_missing_and_what_breaks_a_limit(channel):
    from shop_client import users_pb2, users_pb2_grpc

    users = users_pb2_grpc.UsersStub(channel)

    for request, place_told in (
        (users_pb2.RenameRequest(user_id="x"), "name: is missing"),
        (users_pb2.RenameRequest(user_id="x", name=""), "name: '' is not at least 1 long"),
    ):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await users.Rename(request)
        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert place_told in caught.value.details()


async def test_a_generated_client_reads_a_stream(channel):
    from shop_client import (
        orders_pb2,
        orders_pb2_grpc,
        stock_pb2,
        stock_pb2_grpc,
        users_pb2,
        users_pb2_grpc,
    )

    users = users_pb2_grpc.UsersStub(channel)
    stock = stock_pb2_grpc.StockStub(channel)
    orders = orders_pb2_grpc.OrdersStub(channel)
    user = (await users.Register(users_pb2.RegisterRequest(name="Ada"))).value
    delivery = stock_pb2.Delivery(item_id="piano", price_cents=900, quantity=1)
    await stock.Receive(stock_pb2.ReceiveRequest(deliveries=[delivery]))
    line = orders_pb2.Line(item_id="piano", quantity=1)
    request = orders_pb2.PlaceOrderRequest(user_id=user.user_id, lines=[line])
    placed = (await orders.PlaceOrder(request)).value

    followed = orders.FollowOrder(orders_pb2.FollowOrderRequest(order_id=placed.order_id))
    seen = [reply.value async for reply in followed]

    assert {order.order_id for order in seen} == {placed.order_id}
    assert len(seen) >= 1


async def test_a_generated_client_meets_a_problem_instead_of_items(channel):
    from google.rpc import error_details_pb2
    from google.rpc.status_pb2 import Status
    from shop_client import orders_pb2, orders_pb2_grpc

    orders = orders_pb2_grpc.OrdersStub(channel)

    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await anext(aiter(orders.FollowOrder(orders_pb2.FollowOrderRequest(order_id="none"))))

    assert caught.value.code() is grpc.StatusCode.NOT_FOUND
    trailer = dict(caught.value.trailing_metadata())["grpc-status-details-bin"]
    info = error_details_pb2.ErrorInfo.FromString(Status.FromString(trailer).details[0].value)
    assert (info.reason, dict(info.metadata)) == ("orders.UnknownOrder", {"order_id": "none"})
