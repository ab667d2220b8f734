"""
What a call over gRPC costs in processor time, against bare grpc.aio with the same conversion.

Client and server share one process and its event loop, so `process_time` counts both, with gRPC's
own threads. The baseline converts with the same functions and sends nothing beside the body: no
caller, no deadline, no trace. Both connections and servers stay open; rounds alternate.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from functools import partial
from time import process_time_ns
from typing import Any

import grpc
import grpc.aio

from benchmarks.measure import alternate_async
from outgrow.calls import Reception, client_class, connect
from outgrow.calls.grpc import GrpcServer, GrpcTransport
from outgrow.calls.protobuf import Converters, Messages
from outgrow.clock import SystemClock
from outgrow.context import SYSTEM, Context, enter, leave
from outgrow.contracts import Contract, Method, Record, query, read_contract
from outgrow.telemetry import Meters

CALLS = 1_500
ROUNDS = 9
GOAL = 1.3
CONCURRENCY = (1, 16, 64)
Call = Callable[[str, int], Awaitable[object]]


class Receipt(Record):
    """A small reply."""

    receipt_id: str
    cents: int


class Payments(Contract):
    """One method with a small request and reply."""

    @query()
    async def quote(self, order_id: str, cents: int) -> Receipt: ...


class PaymentsService(Payments):
    """Does nothing, so that only the call is measured."""

    async def quote(self, order_id: str, cents: int) -> Receipt:
        return Receipt(receipt_id=order_id, cents=cents)


async def _measure(call: Call, concurrency: int) -> float:
    async def caller() -> None:
        for _ in range(CALLS // concurrency):
            await call("0197b2f0-order", 1299)

    started = process_time_ns()
    await asyncio.gather(*(caller() for _ in range(concurrency)))
    spent = process_time_ns() - started
    return spent / (CALLS // concurrency * concurrency) / 1_000


@asynccontextmanager
async def _bare(converters: Converters, method: Method) -> AsyncIterator[Call]:
    """Plain grpc.aio around the same conversion."""
    service, conversion = PaymentsService(), converters.of(method)
    path = converters.messages.path(method)

    async def answer(body: bytes, _call: Any) -> bytes:
        return conversion.encode_reply(await service.quote(*conversion.decode_request(body)))

    handlers: dict[str, Any] = {
        path.rpartition("/")[2]: grpc.unary_unary_rpc_method_handler(answer)
    }
    server = grpc.aio.server()
    name = path.split("/")[1]
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(name, handlers),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        ask: Any = channel.unary_unary(path)

        async def call(order_id: str, cents: int) -> object:
            body = conversion.encode_request(order_id, cents)
            return conversion.decode_reply(await ask(body))

        yield call
    await server.stop(None)


@asynccontextmanager
async def _ours(converters: Converters) -> AsyncIterator[Call]:
    """A client of the contract, the transport, the server and the reception."""
    clock, model = SystemClock(), read_contract(Payments)
    reception = Reception(clock, Meters())
    reception.admit(model, PaymentsService(), None)
    server = GrpcServer(converters, reception.bind, clock)
    server.admit(model)
    transport = GrpcTransport(await server.start("127.0.0.1:0"), converters, clock)
    client: Any = client_class(model)(transport.bind, model, clock, via="orders")
    connect(client)
    yield client.quote
    await transport.close()
    await server.drain(0)


async def _figures() -> list[dict[str, Any]]:
    model = read_contract(Payments)
    converters = Converters(Messages("benchmark", [model]))
    found = []
    async with _bare(converters, model.methods["quote"]) as bare, _ours(converters) as ours:
        token = enter(_execution())
        for concurrency in CONCURRENCY:
            rounds = await alternate_async(
                partial(_measure, ours, concurrency),
                partial(_measure, bare, concurrency),
                ROUNDS,
            )
            found.append(
                rounds.figure(f"calls.grpc.{concurrency}", "us cpu", of="bare grpc.aio", goal=GOAL)
            )
        leave(token)
    return found


def _execution() -> Context:
    """The execution of the service that calls."""
    return Context(
        caller=SYSTEM,
        correlation_id="0197b2f0-0000-7000-8000-000000000000",
        trace_id=2**127 + 1,
        span_id=2**63 + 1,
        deadline=SystemClock().monotonic() + 3_600,
        method="orders.place_order",
        key="key",
    )


def run() -> Iterator[dict[str, Any]]:
    """The figures of calls over gRPC."""
    yield from asyncio.run(_figures())
