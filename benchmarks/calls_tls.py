"""
What certificates on both sides cost: our calls over gRPC with an identity, against without.

As in `calls_grpc`: client and server share one process and its event loop. The caller is known by
its certificate and its service is looked up in what is declared, at each call.
"""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from benchmarks.calling import CONCURRENCY, Call, Meter, Payments, PaymentsService, cases, execution
from benchmarks.calls_grpc import ours
from benchmarks.measure import alternate_async
from outgrow.calls import Reception, client_class, connect
from outgrow.calls.grpc import GrpcServer, GrpcTransport, Guard, Peer
from outgrow.calls.protobuf import Converters, Messages
from outgrow.clock import SystemClock
from outgrow.context import enter, leave
from outgrow.contracts import read_contract
from outgrow.identity import Callers, Name
from outgrow.identity.certificates import Authority, Identity, Issuer
from outgrow.telemetry import Meters

ROUNDS = 9
GOAL = 1.25


@asynccontextmanager
async def certain(converters: Converters) -> AsyncIterator[dict[str, Call]]:
    """As `ours`, between two processes that show each other who they are."""
    clock, model = SystemClock(), read_contract(Payments)
    reception = Reception(clock, Meters())
    reception.admit(model, PaymentsService(), None)
    with tempfile.TemporaryDirectory(prefix="og-") as folder:
        issuer = Issuer(Authority(clock), Path(folder), clock)
        front, back = (
            Identity(issuer.provide(Name(application="shop", environment="local", process=name)))
            for name in ("front", "back")
        )
        declared: dict[str, tuple[str, ...]] = {model.service: ("orders",)}
        callers = Callers(declared=declared, hosts={"front": ("orders",)})
        guard = Guard(back, lambda: callers)
        server = GrpcServer(converters, reception.bind, clock, guard=guard)
        server.admit(model)
        address, peer = await server.start("127.0.0.1:0"), Peer(identity=front, process="back")
        transport = GrpcTransport(address, converters, clock, peer=peer)
        client: Any = client_class(model)(transport.bind, model, clock, via="orders")
        connect(client)
        yield cases(client)
        await transport.close()
        await server.drain(0)


async def _figures() -> list[dict[str, Any]]:
    converters = Converters(Messages("benchmark", [read_contract(Payments)]))
    found = []
    async with ours(converters) as plain, certain(converters) as our:
        token = enter(execution())
        for case, call in our.items():
            for concurrency in CONCURRENCY:
                value, baseline = Meter(call, concurrency), Meter(plain[case], concurrency)
                rounds = await alternate_async(value, baseline, ROUNDS)
                name = f"calls.grpc.tls{case}.{concurrency}"
                more = value.latencies()
                found.append(rounds.figure(name, "us cpu", of="without", goal=GOAL, **more))
        leave(token)
    return found


def run() -> Iterator[dict[str, Any]]:
    """The figures of calls with certificates."""
    yield from asyncio.run(_figures())
