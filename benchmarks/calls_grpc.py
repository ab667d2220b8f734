"""
What a call over gRPC costs in processor time, against bare grpc.aio with the same conversion.

Client and server share one process and its event loop, so `process_time` counts both, with gRPC's
own threads. Ours is the whole path between two processes; see `calls_ours`. The baseline converts
with the same functions, in plain text, and sends nothing beside the body. Connections and servers
stay open; rounds alternate.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import grpc.aio

from benchmarks.calling import (
    CENTS,
    CONCURRENCY,
    ORDER_ID,
    Call,
    Meter,
    Payments,
    PaymentsService,
    execution,
)
from benchmarks.calls_ours import ours
from benchmarks.measure import alternate_async
from outgrow.calls.protobuf import Converters, Messages
from outgrow.context import enter, leave
from outgrow.contracts import Method, read_contract

ROUNDS = 9
GOAL = 1.3


def _handler(converters: Converters, method: Method) -> Any:
    service, conversion = PaymentsService(), converters.of(method)
    decode, encode, run = (
        conversion.decode_request,
        conversion.encode_reply,
        getattr(service, method.name),
    )

    async def answer(body: bytes, _call: Any) -> bytes:
        return encode(await run(*decode(body)))

    return grpc.unary_unary_rpc_method_handler(answer)


def _asking(channel: Any, converters: Converters, method: Method, *arguments: Any) -> Call:
    ask, conversion = channel.unary_unary(converters.messages.path(method)), converters.of(method)

    async def call() -> object:
        return conversion.decode_reply(await ask(conversion.encode_request(*arguments)))

    return call


@asynccontextmanager
async def _bare(converters: Converters) -> AsyncIterator[dict[str, Call]]:
    """Plain grpc.aio around the same conversion."""
    methods = read_contract(Payments).methods
    paths = {name: converters.messages.path(method) for name, method in methods.items()}
    handlers: dict[str, Any] = {
        paths[name].rpartition("/")[2]: _handler(converters, method)
        for name, method in methods.items()
    }
    server = grpc.aio.server()
    name = paths["quote"].split("/")[1]
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(name, handlers),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield {
            "": _asking(channel, converters, methods["quote"], ORDER_ID, CENTS),
            ".list50": _asking(channel, converters, methods["lines"], ORDER_ID),
        }
    await server.stop(None)


async def _figures() -> list[dict[str, Any]]:
    model = read_contract(Payments)
    converters = Converters(Messages("benchmark", [model]))
    found = []
    async with _bare(converters) as bare, ours(converters) as our:
        token = enter(execution())
        for case, call in our.items():
            for concurrency in CONCURRENCY:
                value, baseline = Meter(call, concurrency), Meter(bare[case], concurrency)
                rounds = await alternate_async(value, baseline, ROUNDS)
                name = f"calls.grpc{case}.{concurrency}"
                more = value.latencies()
                found.append(rounds.figure(name, "us cpu", of="bare grpc.aio", goal=GOAL, **more))
        leave(token)
    return found


def run() -> Iterator[dict[str, Any]]:
    """The figures of calls over gRPC."""
    yield from asyncio.run(_figures())
